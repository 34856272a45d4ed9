"""The pages as Streamlit runs them, without a browser: what is on them, and what its controls do."""

from __future__ import annotations

import gc
import json
import re
import threading
import weakref
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import workflow
from core.io import SAMPLES
from core.ui import asking, canvas
from core.ui.room import WITHOUT_CANVAS
from core.ui.session import Desk
from core.ui.shelf import SHELF
from tests import made
from tests.conftest import CHECKOUT
from tests.made_models import TUMOUR_SPEC, write_chest_model, write_gated_model

SHELL = CHECKOUT / "core" / "ui" / "shell.py"
READ = CHECKOUT / "pages" / "read.py"
TIMEOUT_S = 120

pytestmark = pytest.mark.usefixtures("made_weights")


def opened(script: Path = SHELL, *, with_stills: bool = False) -> AppTest:
    page = AppTest.from_file(str(script), default_timeout=TIMEOUT_S)
    if with_stills:
        page.session_state[WITHOUT_CANVAS] = True
    return page.run()


def bring(page: AppTest, *files: tuple[str, bytes]) -> AppTest:
    uploader = page.file_uploader[0]
    for name, content in files:
        uploader.upload(name, content, "application/octet-stream")
    return page.run()


def html(page: AppTest) -> str:
    return "\n".join(element.proto.body for element in page.get("html"))


def words(page: AppTest) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", html(page))))


def viewer(page: AppTest) -> dict[str, Any]:
    """Return what the viewer is told."""
    (element,) = page.get("bidi_component")
    told: dict[str, Any] = json.loads(element.proto.mixed.json or element.proto.json)
    return told


def beside(page: AppTest) -> str:
    """Return what is said in place of the heatmap."""
    said: str = viewer(page)["panes"][1]["words"]
    return said


def desk(page: AppTest) -> Desk:
    found: Desk = page.session_state["desk"]
    return found


@pytest.fixture
def film() -> AppTest:
    return bring(opened(), ("film.dcm", made.radiograph(128, WindowCenter=1500, WindowWidth=3000)))


@pytest.fixture
def stills() -> AppTest:
    """Return a page in a browser that the viewer's program did not reach."""
    film = made.radiograph(128, WindowCenter=1500, WindowWidth=3000)
    return bring(opened(with_stills=True), ("film.dcm", film))


def test_the_first_page_invites_and_says_what_it_is_not_for() -> None:
    page = opened()
    assert not page.exception
    assert page.title[0].value == "Drop a study here, or try a sample"
    assert "Not for diagnostic use" in words(page)
    assert any("Made-up chest model" in element.value for element in page.sidebar.markdown)


def test_a_page_on_its_own_is_guarded_and_works() -> None:
    page = opened(READ)
    assert not page.exception
    assert page.title[0].value == "Drop a study here, or try a sample"


@pytest.mark.parametrize("script", [SHELL, READ, CHECKOUT / "pages" / "about.py"], ids=lambda path: path.stem)
def test_a_server_that_others_can_reach_shows_the_reason_and_nothing_else(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamlit.get_option", {"server.address": "0.0.0.0"}.get)
    page = opened(script)
    assert "others can reach it" in page.error[0].value
    assert not page.title
    assert not page.file_uploader
    assert not page.markdown


def test_a_radiograph_is_answered_beside_its_image(film: AppTest) -> None:
    assert not film.exception
    assert not film.error
    said = words(film)
    assert re.search(r"Pneumonia: positive probability \d\.\d+ ≥ \d\.\d+, set for 95 % sensitivity", said)
    assert "made-chest, version 0.0.1" in said
    plain, heated = viewer(film)["panes"]
    assert (plain["title"], plain["heats"], plain["evidence"], heated["evidence"]) == ("Chest, AP", [], False, True)
    # The made-up network calls this film positive by its constant alone.
    assert (heated["heats"], heated["words"]) == ([], "No positive evidence for Pneumonia in this image.")
    assert film.selectbox(key="model").value == "made-chest"


def test_uploads_are_let_go_and_the_next_one_begins_empty(film: AppTest) -> None:
    assert desk(film).uploads == 1
    assert film.file_uploader[0].key == "upload_1"
    assert not film.file_uploader[0].value


def test_identity_is_masked_until_it_is_asked_for(film: AppTest) -> None:
    assert "Zebedee" not in html(film)
    assert "••••" in html(film)
    film.checkbox(key="reveal_identity").check().run()
    assert "Zebedee, Quill" in words(film)


def test_identity_of_the_next_study_is_masked_again(film: AppTest) -> None:
    # The tick of what is taken along belongs to a form that goes with its study.
    film_token = desk(film).opened.offer.token
    assert film_token in html(film)
    film.checkbox(key="reveal_identity").check().run()
    other = made.radiograph(64, PatientName="Ypsilon^Xaver")
    page = bring(film, ("other", other))
    assert not page.checkbox(key="reveal_identity").value
    assert film_token not in html(page)
    assert "Ypsilon" not in html(page)


def test_without_the_program_pictures_are_made_here(stills: AppTest) -> None:
    assert html(stills).count("<img decoding") == 2
    assert 'alt="Image, Chest, AP, W 3000 L 1500"' in html(stills)
    assert not stills.get("bidi_component")


def test_the_window_follows_preset_sliders_and_reset(stills: AppTest) -> None:
    stills.selectbox(key="preset").select("Full range").run()
    low, high = made.chest_values(128).min(), made.chest_values(128).max()
    assert f"W {high - low}" in words(stills)
    stills.slider(key="center").set_value(1000.0).run()
    assert stills.selectbox(key="preset").value == "Manual"
    assert f"W {high - low} L 1000" in words(stills)
    stills.button(key="reset").click().run()
    assert stills.selectbox(key="preset").value == "File: window 1 3000/1500"
    assert (stills.slider(key="center").value, stills.slider(key="width").value) == (1500.0, 3000.0)


def test_a_manual_window_of_any_width_is_allowed(stills: AppTest) -> None:
    stills.slider(key="width").set_value(stills.slider(key="width").min).run()
    assert not stills.error
    assert "W 1 L 1500" in words(stills)


def test_pan_waits_for_zoom(stills: AppTest) -> None:
    assert stills.slider(key="across").disabled
    stills.button_group(key="zoom").set_value(2.0).run()
    assert not stills.slider(key="across").disabled


def test_a_series_keeps_its_window_while_another_one_is_open() -> None:
    series = [(f"{n}", content) for n, content in enumerate(made.ct_series(4, 64))]
    page = bring(opened(with_stills=True), ("film", made.radiograph(64)), *series)
    first, second = page.radio(key="series").options
    assert {first, second} == {"Chest, AP", "CT head"}
    uids = [series.uid for series in desk(page).opened.study.series]
    page.radio(key="series").set_value(uids[1]).run()
    page.toggle(key="invert").set_value(True).run()
    assert "inverted" in words(page)
    page.radio(key="series").set_value(uids[0]).run()
    assert "inverted" not in words(page)
    page.radio(key="series").set_value(uids[1]).run()
    assert "inverted" in words(page)


def test_series_of_one_name_can_each_be_opened() -> None:
    files = [(f"{n}", made.radiograph(64, SeriesInstanceUID=f"{made.SERIES_UID}.{n}")) for n in range(3)]
    page = bring(opened(), *files)
    assert page.radio(key="series").options == [f"Chest, AP \\({n}\\)" for n in (1, 2, 3)]
    study = desk(page).opened
    assert study is not None
    for series in study.study.series:
        page.radio(key="series").set_value(series.uid).run()
        assert study.series_uid == series.uid
    assert html(page).count("background-image: url(data:image/jpeg") == 3


def test_a_series_no_model_is_for_is_shown_without_an_answer() -> None:
    slices = [(f"{n}", content) for n, content in enumerate(made.ct_series(5, 64))]
    page = bring(opened(), *slices)
    assert "No model asked" in words(page)
    told = viewer(page)
    assert (len(told["panes"]), told["start"]["frame"], told["panes"][0]["unit"]) == (1, 2, "Slice")
    page = bring(opened(with_stills=True), *slices)
    assert page.selectbox(key="model").value == ""
    assert html(page).count("<img decoding") == 1
    assert page.slider(key="frame").value == 3
    page.button(key="frame_next").click().run()
    assert "4 / 5" in words(page)
    page.button(key="frame_next").click().run()
    assert page.button(key="frame_next").disabled


def test_a_picture_without_a_header_is_read_by_the_model_that_it_looks_like(made_weights: Path) -> None:
    write_gated_model(made_weights, TUMOUR_SPEC, limit=1e6)
    page = bring(opened(), ("slice.png", made.png(made.chest_values(64))))
    assert page.selectbox(key="model").value == TUMOUR_SPEC.id
    said = words(page)
    assert re.search(r"Most likely: (Glioma|Meningioma|Pituitary tumour|No tumour)", said)
    assert "The file has no header" in said
    captions = " ".join(element.value for element in page.caption)
    assert "the picture looks like the training images of this model" in captions


def test_a_picture_that_several_models_could_be_meant_for_is_left_to_the_reader(made_weights: Path) -> None:
    write_chest_model(made_weights, TUMOUR_SPEC)
    page = bring(opened(), ("slice.png", made.png(made.chest_values(64))))
    assert page.selectbox(key="model").value == ""
    said = words(page)
    assert "No model asked The file does not say what it shows, and several models could be meant." in said
    assert "Why not" not in said
    page.selectbox(key="model").select(TUMOUR_SPEC.id).run()
    assert "Most likely: " in words(page)


def test_labels_are_listed_by_their_titles(made_weights: Path) -> None:
    write_chest_model(made_weights, TUMOUR_SPEC)
    page = bring(opened(), ("slice", made.radiograph(64, Modality="MR", BodyPartExamined="BRAIN", ViewPosition=None)))
    assert page.selectbox(key="label").options == ["Glioma", "Meningioma", "Pituitary tumour", "No tumour"]
    assert 'aria-label="Pituitary tumour: score' in html(page)
    page.selectbox(key="label").select("None").run()
    assert beside(page) == "No tumour is no finding: no heatmap shown"


def test_no_model_asked_names_the_reason_for_each_model() -> None:
    page = bring(opened(), ("film", made.radiograph(64, PatientAge="034Y")))
    said = words(page)
    assert "No model here is meant for this kind of image." in said
    assert "Made-up chest model Age 34 years, not 1 to 5 years" in said


def test_radiographs_of_one_series_open_with_the_first() -> None:
    page = bring(opened(), *((f"{n}", made.radiograph(64, InstanceNumber=n + 1)) for n in range(3)))
    told = viewer(page)
    assert (told["start"]["frame"], told["panes"][0]["frames"], told["panes"][0]["unit"]) == (0, 3, "Image")


def test_every_image_of_a_series_is_scored_in_the_background() -> None:
    page = bring(opened(), *((f"{n}", made.radiograph(64, InstanceNumber=n + 1)) for n in range(3)))
    assert viewer(page)["scores"] is None
    page.button(key="scan").click().run()
    (scan,) = desk(page).opened.scans.values()
    scan._thread.join(timeout=TIMEOUT_S)
    page.run()
    told = viewer(page)["scores"]
    assert (told["title"], len(told["values"])) == ("Pneumonia", 3)
    assert all(0 <= value <= 1 for value in told["values"])
    assert 0 < told["threshold"] < 1
    assert "scan" not in {button.key for button in page.button}


def test_scoring_stops_where_it_is_told_and_goes_on_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    may_go_on, read_frame = threading.Event(), workflow.read_frame

    def read_slowly(*args: Any, **options: Any) -> workflow.Reading:
        if threading.current_thread().name == "scan":
            assert may_go_on.wait(timeout=TIMEOUT_S)
        return read_frame(*args, **options)

    monkeypatch.setattr(workflow, "read_frame", read_slowly)
    blank = made.dicom(np.zeros((64, 64), np.uint16), {"InstanceNumber": 3})
    films = [(f"{n}", made.radiograph(64, InstanceNumber=n + 1)) for n in range(2)]
    page = bring(opened(), *films, ("blank", blank))
    page.button(key="scan").click().run()
    assert page.button(key="scan").label == "Stop scoring (0 of 3)"
    page.button(key="scan").click().run()
    (scan,) = desk(page).opened.scans.values()
    may_go_on.set()
    scan._thread.join(timeout=TIMEOUT_S)
    page.run()
    assert page.button(key="scan").label == "Score the 2 left"
    first, *others = viewer(page)["scores"]["values"]
    assert first is not None
    assert others == [None, None]
    page.button(key="scan").click().run()
    (scan,) = desk(page).opened.scans.values()
    scan._thread.join(timeout=TIMEOUT_S)
    page.run()
    told = viewer(page)["scores"]
    assert told["values"][0] == first
    assert told["values"][1] is not None
    assert told["reasons"][:2] == [None, None]
    assert told["reasons"][2].startswith("The image has no contrast")
    assert "scan" not in {button.key for button in page.button}


def test_while_an_answer_is_awaited_the_page_is_told_once_and_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    may_answer, told, asked = threading.Event(), [], []
    read_frame = workflow.read_frame

    def read_slowly(*args: Any, **options: Any) -> workflow.Reading:
        assert may_answer.wait(timeout=TIMEOUT_S)
        return read_frame(*args, **options)

    def is_overtaken() -> bool:
        asked.append(asking.is_overtaken())
        if len(asked) == 5:
            may_answer.set()
        return len(asked) == 3

    monkeypatch.setattr(workflow, "read_frame", read_slowly)
    monkeypatch.setattr(asking, "PATIENCE_S", 0.05)
    monkeypatch.setattr(canvas, "is_overtaken", is_overtaken)
    monkeypatch.setattr(canvas, "waiting_html", lambda *_, **__: told.append(1) or "<p>Waiting</p>")
    page = bring(opened(), ("film", made.radiograph(64)))
    assert "Pneumonia" in words(page)
    assert len(asked) >= 5
    assert not any(asked)
    assert len(told) == 2, "once in each of the two runs of the page, however long they wait"


def test_two_series_are_looked_at_next_to_each_other() -> None:
    series = [(f"{n}", content) for n, content in enumerate(made.ct_series(4, 64))]
    page = bring(opened(), ("film", made.radiograph(64)), *series)
    first, second = desk(page).opened.study.series
    page.selectbox(key="compared").select(second.uid).run()
    assert [pane["source"] for pane in viewer(page)["panes"]] == [first.uid, second.uid]
    page.selectbox(key="compared").select("").run()
    assert second.uid not in [pane["source"] for pane in viewer(page)["panes"]]


def test_an_mr_image_given_to_the_chest_model_is_warned_about() -> None:
    brain = made.radiograph(64, Modality="MR", BodyPartExamined="BRAIN", ViewPosition=None)
    page = bring(opened(), ("slice", brain))
    assert page.selectbox(key="model").value == ""
    page.selectbox(key="model").select("made-chest").run()
    said = words(page)
    assert "Not for this kind of image" in said
    assert "This is an MR image" in said
    assert not re.search(r"positive|negative|score \d|probability \d", said)
    assert beside(page) == "No heatmap: the image is outside what the model is for."
    page.toggle(key="score_anyway").set_value(True).run()
    assert 'aria-label="Pneumonia: score 0.' in html(page)
    assert "no call" in html(page)


def test_a_negative_label_shows_no_heatmap_unless_the_reader_insists(film: AppTest) -> None:
    opened_study = desk(film).opened
    assert opened_study is not None
    for label in ("Pneumonia", "Effusion"):
        film.selectbox(key="label").select(label).run()
        is_negative = beside(film) == "Negative: no heatmap shown"
        assert ("evidence_anyway" in [toggle.key for toggle in film.toggle]) == is_negative
        assert bool(viewer(film)["panes"][1]["heats"]) != bool(beside(film))


def test_a_constant_image_is_shown_and_not_judged() -> None:
    page = bring(opened(), ("flat", made.dicom(np.full((64, 64), 1000, np.uint16))))
    assert "No answer" in words(page)
    assert beside(page) == "No heatmap: the model gave no answer."


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "The file is empty"), (b"Dear colleague\n" * 30, "not a medical image"), (made.report(), "not an image")],
    ids=["empty", "text", "report"],
)
def test_what_cannot_be_shown_is_told_in_words(content: bytes, reason: str) -> None:
    page = bring(opened(), ("secret-name", content))
    assert not page.exception
    assert "Nothing in this upload can be shown" in page.error[0].value
    assert any(reason in element.value for element in page.caption)
    # The desk goes on.
    assert "Pneumonia" in words(bring(page, ("film", made.radiograph(64))))


def test_files_that_are_left_out_are_listed_beside_the_rest() -> None:
    page = bring(opened(), ("film", made.radiograph(64)), ("notes.txt", b"Nothing to see.\n" * 30))
    assert any(expander.label == "1 file left out" for expander in page.expander)
    assert "Pneumonia" in words(page)


def test_a_synthetic_sample_says_that_it_is_no_patient() -> None:
    page = opened()
    page.menu_button(key="sample").click(SAMPLES[1]).run()
    assert not page.exception
    assert "synthetic, not a patient" in words(page)
    # A phantom of an adult's size and of no age: a model for children makes no call of it.
    assert "Not for this kind of image" in words(page)
    assert "does not give the patient's age" in words(page)


def test_closing_clears_the_desk(film: AppTest) -> None:
    film.button(key="close").click().run()
    assert desk(film).opened is None
    assert film.title[0].value == "Drop a study here, or try a sample"


def test_nothing_of_a_closed_study_stays_in_memory(film: AppTest) -> None:
    study = desk(film).opened
    assert study is not None
    file = weakref.ref(study.series.frames[0].load)
    pixels = weakref.ref(study.images.get(study.series.frames[0].uid).pixels)
    del study
    film.button(key="close").click().run()
    gc.collect()
    assert (file(), pixels()) == (None, None)


def test_a_damaged_model_is_named_and_stops_nothing(made_weights: Path) -> None:
    (made_weights / "broken-model").mkdir()
    page = bring(opened(), ("film", made.radiograph(64)))
    assert any(expander.label == "1 model cannot be used" for expander in page.expander)
    assert re.search("Pneumonia: (positive|negative)", words(page))


def test_without_models_images_can_still_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTBOX_WEIGHTS", str(tmp_path / "none"))
    page = opened()
    assert any("None. Images can be viewed" in element.value for element in page.caption)
    assert "No model asked" in words(bring(page, ("film", made.radiograph(64))))


def test_the_about_page_says_what_leaves_and_whose_the_models_are() -> None:
    page = opened(CHECKOUT / "pages" / "about.py")
    text = page.markdown[0].value
    for part in ("not a medical device", "Nothing leaves this machine", "Made-up chest model", "Apache License 2.0"):
        assert part in text


def test_a_study_that_was_closed_when_idle_is_asked_for_again(film: AppTest) -> None:
    study = desk(film).opened
    assert study is not None
    study.used = SHELF.clock() - 31 * 60
    SHELF.close_unused()
    film.run()
    assert not film.exception
    assert film.title[0].value == "Drop a study here, or try a sample"
    assert "not used for 30 minutes" in film.error[0].value
    assert desk(bring(film, ("film.dcm", made.radiograph(128)))).opened is not None


def bring_prior(page: AppTest, content: bytes) -> AppTest:
    page.file_uploader(key=f"prior_{desk(page).opened.priors}").upload("prior", content, "application/octet-stream")
    return page.run()


def test_new_data_for_the_viewer_are_told_later_and_the_same_ones_at_the_same_time(film: AppTest) -> None:
    first = viewer(film)["told"]
    assert viewer(film.run())["told"] == first
    page = bring_prior(film, made.radiograph(64, ViewPosition="PA"))
    assert viewer(page)["told"] > first


def test_a_prior_stands_beside_the_study_and_one_of_another_patient_is_warned_of(film: AppTest) -> None:
    earlier = {"SeriesInstanceUID": f"{made.SERIES_UID}.9", "StudyInstanceUID": f"{made.SERIES_UID}.8"}
    page = bring_prior(film, made.radiograph(64, ViewPosition="PA", **earlier))
    assert not page.exception
    assert [pane["title"] for pane in viewer(page)["panes"]] == ["Chest, AP", "Chest, PA"]
    assert page.selectbox(key="compared").options == ["Nothing", "Prior: Chest, PA"]
    assert not page.warning
    page = bring_prior(page, made.radiograph(64, PatientID="another", **earlier))
    assert [each.value for each in page.warning] == ["Its patient ID is not that of the open study."]
    page.selectbox(key="compared").select("").run()
    assert [pane["title"] for pane in viewer(page)["panes"]] == ["Chest, AP", "Chest, AP"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "The file is empty."), (made.radiograph(64)[:400], "has no pixels"), (b"no image", "it is text.")],
    ids=["empty", "damaged", "text"],
)
def test_a_prior_that_cannot_be_shown_is_answered_in_words(film: AppTest, content: bytes, reason: str) -> None:
    page = bring_prior(film, content)
    assert not page.exception
    (error,) = page.error
    assert error.value.startswith("**Nothing in this prior can be shown.** ")
    assert reason in error.value
    assert desk(page).opened.prior is None
    assert len(viewer(page)["panes"]) == 2
