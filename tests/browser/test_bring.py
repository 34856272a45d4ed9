"""Bring a study: whatever is uploaded, the desk answers in words and goes on."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from core.io import SAMPLES
from tests import made
from tests.browser.desk import Desk, pixels_of

Picture = Callable[[str], None]
DROP = """async ([name, bytes]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(bytes)], name));
    const zone = document.querySelector('[data-testid="stFileUploaderDropzone"]');
    for (const kind of ["dragenter", "dragover", "drop"]) {
        zone.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }
}"""


def test_an_empty_desk_invites(desk: Desk, picture: Picture) -> None:
    expect(desk.page.get_by_role("heading", name=re.compile("Drop a study here"))).to_be_visible()
    desk.sees("Not for diagnostic use")
    desk.sees("Models on this desk")
    expect(desk.page.get_by_role("button", name="Try a sample")).to_be_visible()
    picture("empty")


def test_a_damaged_model_is_named_and_stops_nothing(desk: Desk) -> None:
    desk.sees("1 model cannot be used").click()
    desk.sees("damaged-foot")


def test_a_file_can_be_dropped(desk: Desk) -> None:
    desk.page.evaluate(DROP, ["film.dcm", list(made.radiograph(64))])
    desk.image("Chest, AP")


def test_a_folder_can_be_chosen(desk: Desk, tmp_path: Path) -> None:
    for number, content in enumerate(made.ct_series(5, 64)):
        place = tmp_path / "study" / f"deep{number % 2}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}").write_bytes(content)
    desk.page.get_by_role("radio", name="Folder").click(force=True)
    chooser = desk.page.locator('input[type="file"][webkitdirectory]').first
    chooser.wait_for(state="attached")
    chooser.set_input_files(tmp_path / "study")
    desk.image("CT head", "3 / 5")


def test_a_mixed_upload_is_sorted_into_series(desk: Desk, picture: Picture) -> None:
    files = {f"ct{number}": content for number, content in enumerate(made.ct_series(6, 64))}
    files |= {
        "film": made.radiograph(64),
        "notes.txt": b"Nothing to see here.\n" * 20,
        "report": made.report(),
        "broken": made.radiograph(64, SeriesInstanceUID=made.SERIES_UID + ".9")[:-4000],
    }
    desk.upload(files)
    series = desk.page.get_by_role("radiogroup", name="Series")
    expect(series.get_by_role("radio", name=re.compile("CT head"))).to_have_count(1)
    expect(series.get_by_role("radio", name=re.compile("Chest"))).not_to_have_count(0)
    desk.sees(re.compile(r"\d files? left out")).click()
    desk.does_not_see("notes.txt")
    desk.switch("Show file names")
    desk.sees("notes.txt")
    desk.sees(re.compile("This is not an image: Basic Text SR"))
    picture("left-out")
    series.get_by_text("Chest").first.click()
    desk.image("Chest, AP")
    series.get_by_text("CT head").first.click()
    desk.image("CT head", "4 / 6")


BAD = {
    "an empty file": b"",
    "a text": b"Dear colleague,\nthank you for sending this patient.\n" * 9,
    "random bytes": np.random.default_rng(1).bytes(5000),
    "a report": made.report(),
    "truncated pixels": made.radiograph(64)[:-4000],
    "no rows": made.radiograph(64, Rows=0),
    "rows beyond the file": made.radiograph(64, Rows=65535, Columns=65535),
    "a truncated PNG": made.png(made.chest_values(64))[:300],
    "an encrypted zip": b"PK\x03\x04\x14\x00\x01\x00\x00\x00" + bytes(40),
}


def test_bad_files_are_answered_in_words_and_the_desk_goes_on(desk: Desk, picture: Picture) -> None:
    answer = desk.page.get_by_role("alert").or_(desk.page.get_by_text(re.compile("cannot be shown")))
    for number, (name, content) in enumerate(BAD.items()):
        desk.upload({"secret-name.dcm": content})
        answer.first.wait_for()
        picture(name)
        assert not re.search(r"Traceback|Error:|exception|tensor|0x|None\b", desk.text()), name
        desk.upload({"film": made.radiograph(64, SeriesDescription=f"Chest, AP {number}")})
        desk.image(f"Chest, AP {number}")
        desk.wait()
        expect(answer, name).to_have_count(0)


@pytest.mark.parametrize("name", [sample.title for sample in SAMPLES])
def test_a_sample_opens(desk: Desk, picture: Picture, name: str) -> None:
    desk.press("Try a sample")
    desk.page.get_by_role("menuitem", name=name, exact=True).click()
    image = desk.image()
    picture("sample")
    assert pixels_of(image).std() > 5
    if "Chest radiograph" in name:
        desk.sees("Synthetic, not a patient")
    else:
        desk.does_not_see("Synthetic, not a patient")


def test_closing_clears_the_desk(desk: Desk) -> None:
    desk.upload({"film": made.radiograph(64)})
    desk.image("Chest, AP")
    desk.press("Close the study")
    expect(desk.page.get_by_role("heading", name=re.compile("Drop a study here"))).to_be_visible()
    desk.does_not_see("Chest, AP")


def test_a_second_visitor_sees_nothing_of_the_first(desk: Desk) -> None:
    desk.upload({"film": made.radiograph(64)})
    desk.image("Chest, AP")
    other = Desk(desk.page.context.new_page(), desk.server)
    other.open()
    other.sees("Drop a study here, or try a sample")
    other.does_not_see("Chest, AP")
    other.page.close()


def test_the_about_page_opens(desk: Desk, picture: Picture) -> None:
    desk.page.get_by_role("link", name="About").click()
    desk.sees(re.compile("not a medical device", re.I))
    picture("about")


def test_the_about_page_opens_at_its_own_address(desk: Desk) -> None:
    desk.open("/about")
    desk.sees(re.compile("not a medical device", re.I))
