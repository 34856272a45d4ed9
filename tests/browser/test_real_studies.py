"""Real studies in a real browser. They lie beside the checkout and are never part of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import expect

from core.training.config_file import read_toml
from core.training.dataset import find_examples
from core.training.split import Part, draw_parts, join_groups
from tests import made
from tests.browser.desk import Desk, colourfulness, pixels_of
from tests.serving import CHECKOUT

Picture = Callable[[str], None]
CHEST_MODEL = "Pneumonia in children"


def shown_of(desk: Desk, *words: str) -> NDArray[np.int16]:
    """Return the gray values of the image on the desk."""
    return pixels_of(desk.image(*words))[..., 0].astype(np.int16)


def open_file(desk: Desk, path: Path, *words: str) -> NDArray[np.int16]:
    """Put one file on a clear desk and return its gray values."""
    desk.wait()
    if desk.page.get_by_role("button", name="Close the study").count():
        desk.press("Close the study")
        desk.sees("Drop a study here, or try a sample")
    desk.upload([path])
    return shown_of(desk, *words)


class TestChestRadiographs:
    @pytest.fixture
    def folder(self, shared_data: Path) -> Path:
        return shared_data / "dicom" / "chest"

    def test_a_digital_radiograph_and_its_faulty_twin(self, desk: Desk, folder: Path, picture: Picture) -> None:
        sound = open_file(desk, folder / "966_fixed.dcm", "W 4096 L 2048")
        desk.sees("2000 × 2128")
        picture("sound")
        faulty = open_file(desk, folder / "966.dcm", "W 4096 L 2048")
        picture("faulty")
        assert np.abs(sound - faulty).max() <= 1
        # A film: what lets the rays through is dark, and the picture uses the range of grays.
        rows, columns = sound.shape
        lung = sound[rows // 3, columns // 4]
        spine = sound[rows * 2 // 3, columns // 2 - 30 : columns // 2 + 30].mean()
        assert lung < spine
        assert np.ptp(np.percentile(sound, [2, 98])) > 60

    def test_a_computed_radiograph_and_its_inverted_twin(self, desk: Desk, folder: Path, picture: Picture) -> None:
        two = open_file(desk, next(folder.glob("1.2.276.*.dcm")))
        picture("monochrome2")
        # The same values called MONOCHROME1: to be shown the other way round.
        one = open_file(desk, folder / "Fake_MONOHR1.dcm")
        assert np.abs(two + one - 255).max() <= 1

    def test_a_grown_up_is_outside_the_intended_use(self, desk: Desk, folder: Path, picture: Picture) -> None:
        open_file(desk, next(folder.glob("1.2.276.*.dcm")))
        desk.answer("No model asked")
        desk.choose("Model", re.compile(CHEST_MODEL))
        answer = desk.answer("Not for this kind of image")
        expect(answer).to_contain_text("The patient is 62 years old")
        picture("outside")
        desk.switch("Show the score anyway")
        expect(answer.get_by_role("listitem", name=re.compile("Pneumonia: score .* no call"))).to_be_visible()


class TestTiltedSeries:
    @pytest.fixture
    def files(self, shared_data: Path) -> list[Path]:
        return sorted((shared_data / "dicom" / "ct_head_tilted").glob("*.dcm"))

    def test_as_files(self, desk: Desk, files: list[Path], picture: Picture) -> None:
        desk.upload(files)
        self.check(desk, picture)

    def test_as_a_zip(self, desk: Desk, files: list[Path], picture: Picture) -> None:
        desk.upload({"head.zip": made.zipped({path.name: path.read_bytes() for path in reversed(files)})})
        self.check(desk, picture)

    @staticmethod
    def check(desk: Desk, picture: Picture) -> None:
        desk.image("CT head", "15 / 28")
        expect(desk.page.get_by_role("note", name="About the image")).to_contain_text("gantry was tilted by 18.5°")
        desk.choose("Window", re.compile("^Brain"))
        middle = shown_of(desk, "15 / 28", "W 80 L 40")
        picture("middle")
        assert 0.05 < (middle > 60).mean() < 0.8
        slider = desk.page.get_by_role("slider", name=re.compile("^Slice"))
        slider.focus()
        desk.page.keyboard.press("Home")
        bottom = shown_of(desk, "1 / 28")
        slider.focus()
        desk.page.keyboard.press("End")
        top = shown_of(desk, "28 / 28")
        assert not np.array_equal(bottom, top)
        # The vertex is smaller than the middle of the head.
        assert (top > 60).mean() < (middle > 60).mean()


LOSS = {"4.50": 5, "4.51": 1, "4.53": 1, "4.55": 1, "4.81": 1, "4.91": 1}
"""Mean difference of the shown grays that a lossy transfer syntax may cost; 4.50 kept 8 of the 12 bits."""


def syntax_files(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in sorted(folder.glob("CTImage.dcm_*"))}


def test_every_transfer_syntax_shows_the_reference(desk: Desk, shared_data: Path, picture: Picture) -> None:
    folder = shared_data / "dicom" / "transfer_syntaxes"
    reference = open_file(desk, folder / "CTImage.dcm")
    assert reference.std() > 20
    for name, path in syntax_files(folder).items():
        shown = open_file(desk, path)
        assert np.abs(shown - reference).mean() <= LOSS.get(path.stem[-4:], 0), name
    picture("last")


def test_all_transfer_syntaxes_at_once(desk: Desk, shared_data: Path, picture: Picture) -> None:
    desk.upload(sorted((shared_data / "dicom" / "transfer_syntaxes").iterdir()))
    desk.image()
    picture("series")
    desk.does_not_see(re.compile("left out"))
    series = desk.page.get_by_role("radiogroup", name="Series").get_by_role("radio")
    expect(series).to_have_count(4)
    for number in range(4):
        series.nth(number).locator("xpath=ancestor::label").click()
        desk.wait()
        assert shown_of(desk).std() > 5


def open_film(desk: Desk, path: Path) -> None:
    """Open a picture without a header and have the chest model asked."""
    open_file(desk, path)
    ask_the_chest_model(desk)


def ask_the_chest_model(desk: Desk) -> None:
    desk.wait()
    if desk.page.get_by_role("region", name="Answer").get_by_text("No model asked").count():
        desk.choose("Model", re.compile(CHEST_MODEL))


class TestChild:
    @pytest.fixture
    def films(self, shared_data: Path) -> dict[str, list[Path]]:
        """Return a few films of either class that the shipped model's training kept for validation."""
        config = read_toml(CHECKOUT / "weights" / "cxr-pneumonia-pediatric" / "training.toml")
        split = config["split"]
        examples = find_examples(
            shared_data / "data" / "chest_xray_pediatric", patient_pattern=split["patient_pattern"]
        )
        parts = draw_parts(
            join_groups([example.patient for example in examples], []),
            [example.class_name for example in examples],
            validation_share=split["validation_share"],
            test_share=split["test_share"],
            seed=config["seed"],
        )
        kept = [example for example, part in zip(examples, parts, strict=True) if part == Part.VALIDATION]
        return {
            name: [example.path for example in kept if example.class_name == name][5::60][:3]
            for name in ("NORMAL", "PNEUMONIA")
        }

    def test_films_are_called_rightly(self, desk: Desk, films: dict[str, list[Path]], picture: Picture) -> None:
        right = 0
        for name, word in (("NORMAL", "negative"), ("PNEUMONIA", "positive")):
            for path in films[name]:
                open_film(desk, path)
                call = desk.answer("Pneumonia: ").get_by_role("heading", level=2)
                right += word in call.inner_text()
                picture(f"{word}-{path.stem}")
        assert right >= 5

    def test_the_heatmap_lies_in_the_chest(self, desk: Desk, films: dict[str, list[Path]]) -> None:
        shares = []
        for path in films["PNEUMONIA"]:
            open_film(desk, path)
            if "negative" in desk.answer("Pneumonia: ").get_by_role("heading", level=2).inner_text():
                shares.append(0.0)  # a missed one has no heatmap
                continue
            heat = colourfulness(pixels_of(desk.heated("the evidence for Pneumonia"))).astype(float)
            rows, columns = (side // 7 for side in heat.shape)
            shares.append(heat[rows:-rows, columns:-columns].sum() / max(heat.sum(), 1))
        # The inner five sevenths either way are 51 % of the picture.
        assert np.median(shares) > 0.55


class TestBrain:
    @pytest.fixture
    def slice_(self, shared_data: Path) -> Path:
        return sorted((shared_data / "data" / "brain_mri_tumor" / "glioma").iterdir())[0]

    def test_with_a_header_the_chest_model_makes_no_call(self, desk: Desk, slice_: Path, picture: Picture) -> None:
        gray = np.asarray(Image.open(slice_).convert("L")).astype(np.uint16) * 16
        attributes = {"Modality": "MR", "BodyPartExamined": "BRAIN", "ViewPosition": None}
        desk.upload({"brain.dcm": made.dicom(gray, attributes)})
        desk.answer("Most likely: Glioma")
        desk.choose("Model", re.compile(CHEST_MODEL))
        answer = desk.answer("Not for this kind of image")
        expect(answer).to_contain_text("This is an MR image")
        picture("warned")
        assert colourfulness(pixels_of(desk.heated("Image without heatmap"))).max() == 0

    def test_without_a_header_there_is_a_warning(self, desk: Desk, slice_: Path, picture: Picture) -> None:
        desk.upload([slice_])
        desk.answer("Most likely: Glioma")
        desk.choose("Model", re.compile(CHEST_MODEL))
        desk.answer("cxr-pneumonia-pediatric")
        warning = desk.page.get_by_role("note", name=re.compile("Keep in mind|Why not to trust it"))
        expect(warning).to_contain_text("The file has no header")
        picture("warned")
