"""Read the answer: call, operating point, scores, evidence, reasons for doubt. The models' answers are known."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from playwright.sync_api import expect

from tests import made
from tests.browser.desk import Desk, colourfulness, pixels_of

Picture = Callable[[str], None]
HAND = made.radiograph(800, BodyPartExamined="HAND", WindowCenter=1500, WindowWidth=3000)
FOOT = made.radiograph(800, BodyPartExamined="FOOT")


def test_the_call_comes_first_and_its_operating_point_next(desk: Desk) -> None:
    desk.upload({"hand": HAND})
    answer = desk.answer("Fracture: positive")
    words = answer.inner_text()
    order = [
        "Fracture: positive",
        "set for the best sum of",
        "100 made-up images",
        "Effusion",
        "known-hand, version 1.0",
    ]
    assert [words.find(part) for part in order] == sorted(words.find(part) for part in order)
    assert -1 not in [words.find(part) for part in order]
    assert re.search(r"probability (over )?\d\.\d+ ≥ 0\.50", words)
    rows = answer.get_by_role("list", name="Scores of all labels").get_by_role("listitem")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_have_attribute("aria-label", re.compile(r"Fracture: score .*threshold 0\.50, positive"))
    expect(rows.nth(1)).to_have_attribute("aria-label", re.compile(r"Effusion: score .*threshold 0\.50, negative"))
    assert re.search(r"\b(CPU|GPU)\b.*\d\.\d\d s", words)


def test_the_heatmap_lies_on_the_image(desk: Desk, picture: Picture) -> None:
    desk.upload({"hand": HAND})
    heated = desk.heated("the evidence for Fracture by CAM")
    plain = pixels_of(desk.image("W 3000 L 1500"))
    hot = pixels_of(heated)
    picture("heat")
    assert hot.shape == plain.shape
    assert np.median(colourfulness(hot)) > 30
    expect(desk.page.get_by_role("img", name=re.compile("colours run from"))).to_be_visible()


def test_at_no_opacity_both_images_are_the_same(desk: Desk) -> None:
    desk.upload({"hand": HAND})
    desk.heated("the evidence for Fracture")
    with desk.changing("Image with") as heated:
        desk.page.get_by_role("slider", name=re.compile("^Opacity")).focus()
        desk.page.keyboard.press("Home")
    assert np.array_equal(pixels_of(heated), pixels_of(desk.image("W 3000 L 1500")))


def test_a_contour_is_drawn_on_demand(desk: Desk) -> None:
    desk.upload({"hand": HAND})
    heated = desk.heated("the evidence for Fracture")
    before = pixels_of(heated).astype(int)
    with desk.changing("Image with"):
        desk.key("c")
    changed = np.abs(pixels_of(heated) - before).max(axis=2) > 60
    assert 0 < changed.mean() < 0.1


def test_another_method_can_be_chosen(desk: Desk) -> None:
    desk.upload({"hand": HAND})
    desk.heated("by CAM")
    for method in ("GradCAM", "GradCAM++", "HiResCAM", "LayerCAM", "EigenCAM"):
        desk.choose("Method", re.compile(f"^{re.escape(method)}$"))
        assert (colourfulness(pixels_of(desk.heated(f"by {method},"))) > 30).mean() > 0.05


def test_heatmap_and_image_share_window_zoom_and_slice(desk: Desk) -> None:
    desk.upload({"hand": HAND})
    desk.heated("Fracture")
    with desk.changing() as image, desk.changing("Image with") as heated:
        desk.key("+", "+")
    assert pixels_of(image).shape == pixels_of(heated).shape
    desk.key("i")
    desk.heated("Fracture", "inverted")


def test_a_negative_label_shows_no_heatmap(desk: Desk, picture: Picture) -> None:
    desk.upload({"hand": HAND})
    desk.heated("the evidence for Fracture")
    desk.choose("Heatmap for", "Effusion")
    heated = desk.heated("Image without heatmap")
    assert colourfulness(pixels_of(heated)).max() == 0
    desk.sees(re.compile("Negative: no heatmap shown"))
    picture("negative")
    desk.switch("Show evidence anyway")
    desk.sees(re.compile("No positive evidence for Effusion"))


def test_a_map_that_is_nowhere_positive_says_so(desk: Desk) -> None:
    desk.upload({"foot": FOOT})
    desk.answer("Fracture: positive")
    desk.sees(re.compile("No positive evidence for Fracture in this image"))
    assert colourfulness(pixels_of(desk.heated("Image without heatmap"))).max() == 0


def test_a_model_asked_about_another_body_part_makes_no_call(desk: Desk, picture: Picture) -> None:
    desk.upload({"foot": FOOT})
    desk.answer("Fracture: positive")
    desk.choose("Model", re.compile("hand"))
    answer = desk.answer("Not for this kind of image")
    expect(answer).to_contain_text("The file says that it shows FOOT")
    expect(answer).not_to_contain_text(re.compile(r"positive|negative|\d\.\d\d ≥"))
    assert colourfulness(pixels_of(desk.heated("Image without heatmap"))).max() == 0
    picture("outside")
    desk.switch("Show the score anyway")
    expect(desk.answer("no call").or_(desk.answer("Fracture"))).to_contain_text("Fracture")


def test_no_model_is_asked_about_what_none_is_for(desk: Desk) -> None:
    desk.upload({str(number): content for number, content in enumerate(made.ct_series(3, 64))})
    desk.answer("No model asked")


def test_every_slice_gets_its_own_answer(desk: Desk) -> None:
    attributes = {"Modality": "DX", "BodyPartExamined": "HAND"}
    desk.upload({str(number): content for number, content in enumerate(made.ct_series(3, 256, **attributes))})
    desk.answer("Fracture: positive")
    first = pixels_of(desk.heated("2 / 3"))
    desk.key("ArrowDown")
    second = pixels_of(desk.heated("3 / 3", "Fracture"))
    assert not np.array_equal(first, second)
