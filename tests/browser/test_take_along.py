"""Take it along: files without identity, unless it is asked for; and identity nowhere else."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import expect

from tests import made
from tests.browser.desk import ANSWER_TIMEOUT_MS, Desk, decoded

FILE_NAME = "quill-zebedee-secret.dcm"
IDENTITY = re.compile(r"zebedee|quill|774411|2019-?03-?14|14\.03\.2019|" + re.escape(made.SERIES_UID), re.IGNORECASE)


@pytest.fixture
def read(desk: Desk) -> Desk:
    desk.upload({FILE_NAME: made.radiograph(400, BodyPartExamined="HAND", SeriesDescription="Zebedee Quill hand")})
    desk.answer("Fracture: positive")
    return desk


def test_identity_is_masked_until_asked_for(read: Desk, picture: Callable[[str], None]) -> None:
    read.sees("Study facts").click()
    expect(read.page.get_by_text("••••").first).to_be_visible()
    assert not IDENTITY.search(read.page.get_by_role("definition").all_inner_texts().__str__())
    picture("masked")
    read.switch("Show identity")
    expect(read.page.get_by_text(re.compile("Zebedee"))).not_to_have_count(0)
    read.sees(re.compile(made.PATIENT_ID))
    picture("shown")


def test_files_address_and_log_hold_the_reading_without_identity(read: Desk) -> None:
    assert not IDENTITY.search(read.page.url + read.page.title())

    picture = read.download("PNG")
    assert picture.startswith(b"\x89PNG")
    assert not IDENTITY.search(picture.decode("latin-1"))
    rows, columns, _ = decoded(picture).shape
    assert columns > 1.5 * rows

    data = read.download("JSON").decode()
    assert not IDENTITY.search(data)
    result = json.loads(data)
    assert result["notice"] == "Not for diagnostic use"
    assert (result["model"]["id"], result["model"]["version"]) == ("known-hand", "1.0")
    assert [(label["name"], label["call"]) for label in result["labels"]] == [("Fracture", True), ("Effusion", False)]

    report = read.download("Report").decode()
    assert not IDENTITY.search(report)
    for words in ("Not for diagnostic use", "known-hand", "1.0", "Fracture: positive"):
        assert words in report
    assert not re.search(r'(src|href)="https?:|<script', report)

    assert not IDENTITY.search(read.server.log_text())


def test_identity_comes_along_as_soon_as_it_is_asked_for_and_not_a_moment_longer(read: Desk) -> None:
    # No pause anywhere: what is ticked when the button is pressed is what counts.
    for button in ("Report", "JSON"):
        read.switch("Include the patient's identity")
        assert IDENTITY.search(read.download(button).decode()), button
        read.switch("Include the patient's identity")
        assert not IDENTITY.search(read.download(button).decode()), button


def test_files_can_be_taken_while_the_page_is_at_work(read: Desk) -> None:
    before = decoded(read.download("PNG"))
    read.key("i")
    assert decoded(read.download("PNG")).shape == before.shape
    read.image("inverted")
    # The page hears of it a moment later.
    deadline = time.monotonic() + ANSWER_TIMEOUT_MS / 1000
    while np.array_equal(decoded(read.download("PNG")), before):
        assert time.monotonic() < deadline, "the picture that is taken along is not the one on the screen"


def test_the_tick_stays_while_the_image_is_worked_on_and_goes_with_the_study(read: Desk) -> None:
    tick = read.page.get_by_role("checkbox", name="Include the patient's identity")
    read.switch("Include the patient's identity")
    with read.changing():
        read.key("i")
    read.wait()
    expect(tick).to_be_checked()
    read.upload({"other": made.radiograph(300, BodyPartExamined="HAND", SeriesDescription="Right hand")})
    read.image("Right hand")
    read.wait()
    expect(tick).not_to_be_checked()


def test_the_page_stays_when_a_file_cannot_be_made(read: Desk) -> None:
    form = read.page.locator("form.lb-take-along")
    form.evaluate("form => form.setAttribute('action', 'take-along/unknown')")
    assert "no longer open" in read.download("JSON").decode()
    read.answer("Fracture: positive")
    assert read.page.url.rstrip("/") == read.server.url


def test_files_are_gone_with_the_study(read: Desk) -> None:
    action = read.page.locator("form.lb-take-along").get_attribute("action")
    address = f"{read.server.url}/{action}?format=json"
    assert '"labels"' in read.page.request.get(address).text()
    read.press("Close the study")
    read.sees("Drop a study here, or try a sample")
    read.wait()
    assert "no longer open" in read.page.request.get(address).text()
