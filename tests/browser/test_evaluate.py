"""The page Evaluate in a browser: from a zip, over a cancelled run and a killed server, to figures and files."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from core.assessment import jobs
from core.assessment.jobs import Job, State
from core.assessment.store import DATA_VARIABLE, Store
from core.models.registry import find_model
from tests.browser.desk import Desk
from tests.browser.test_layout import has_horizontal_scrollbar
from tests.core.assessment.made_set import CHEST, write_models, write_set
from tests.serving import CHECKOUT, Server, serve

OWNER = "local"
EACH = 40
"""Films of a class: ten batches, so that a run can be stopped between two of them."""
PATIENCE_MS = 600_000
"""A new server on a busy machine imports PyTorch and loads a model before it computes."""


class House:
    """A server with its own models and data, that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.starts, self.count = folder, ExitStack(), 0
        self.variables = {"LIGHTBOX_WEIGHTS": str(folder / "weights"), DATA_VARIABLE: str(folder / "data")}
        self.server = self.start()

    def start(self) -> Server:
        self.count += 1
        place = self.folder / f"server{self.count}"
        served = serve(CHECKOUT / "streamlit_app.py", folder=place, environment=self.variables)
        self.server = self.starts.enter_context(served)
        return self.server

    def kill(self) -> None:
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    write_models(tmp_path / "weights")
    house = House(tmp_path)
    for name, value in house.variables.items():
        monkeypatch.setenv(name, value)
    with house.starts:
        yield house


@pytest.fixture
def patient(context: BrowserContext) -> Iterator[BrowserContext]:
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.set_offline(False)
    context.set_default_timeout(60_000)


def when(store: Store, page: Page, holds: Callable[[Job], bool]) -> Job:
    """Return the job that the page's address names as soon as something holds of it."""
    match = re.search(r"job=([0-9a-f]+)", page.url)
    assert match is not None, page.url
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not holds(job := jobs.find_job(store, match[1], owner=OWNER)):
        assert time.monotonic() < deadline, job
        time.sleep(0.01)
    return job


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a signal that cannot be caught")
def test_a_set_from_its_zip_to_its_report(page: Page, house: House, patient: BrowserContext, tmp_path: Path) -> None:
    store, desk = Store(), Desk(page, house.server)
    chooses_a_model_and_brings_a_zip(desk, tmp_path)
    cancels_and_goes_on(desk, store)
    desk = finds_it_done_after_a_kill(desk, store, house)
    moves_the_threshold_and_saves_it(desk)
    looks_at_what_was_found(desk)
    report = takes_everything_along(desk, tmp_path)
    opens_a_case_on_read(desk)
    opens_the_report_offline(patient, report)


def chooses_a_model_and_brings_a_zip(desk: Desk, folder: Path) -> None:
    films = write_set(folder / "films", each=EACH, names=("normal", "shadow"))
    archive = Path(shutil.make_archive(str(folder / "films"), "zip", films))
    desk.open("/evaluate")
    desk.choose("Model", re.compile(CHEST.title))
    desk.upload([archive])
    desk.sees("What its labels mean to the model", timeout_ms=PATIENCE_MS)
    desk.sees("Not known")
    desk.choose("What “shadow” means", "Pneumonia")
    desk.does_not_see("Not known")


def cancels_and_goes_on(desk: Desk, store: Store) -> None:
    desk.press("Run the evaluation")
    desk.press("Cancel")
    desk.sees("You cancelled it", timeout_ms=PATIENCE_MS)
    assert when(store, desk.page, lambda job: job.has_ended).state is State.CANCELLED
    desk.press("Go on with it")


def finds_it_done_after_a_kill(desk: Desk, store: Store, house: House) -> Desk:
    """Kill the server in the midst; the next one goes on by itself, before anybody opens a page."""
    before = when(store, desk.page, lambda job: job.has_ended).done
    when(store, desk.page, lambda job: job.state is State.DONE or (job.state is State.RUNNING and job.done > before))
    house.kill()
    again = house.start()
    job = when(store, desk.page, lambda job: job.state is State.DONE)
    assert (job.done, job.failed) == (2 * EACH, 0)
    assert job.computed == 2 * EACH, "nothing is computed twice"
    desk.page.goto(desk.page.url.replace(desk.server.url, again.url))
    desk = Desk(desk.page, again)
    desk.sees("All figures, with 95 % intervals", timeout_ms=PATIENCE_MS)
    desk.sees(re.compile(rf"On these {2 * EACH} images the model found"))
    assert not has_horizontal_scrollbar(desk.page)
    return desk


def moves_the_threshold_and_saves_it(desk: Desk) -> None:
    desk.choose("Call it positive", "By hand")
    desk.page.get_by_role("slider", name=re.compile("Score from which")).press("Home")
    desk.sees(re.compile(r"found 100 %"))
    desk.choose("Call it positive", "For a sensitivity")
    desk.press("Save it")
    desk.page.get_by_label("Name", exact=True).fill("all-found")
    desk.page.get_by_label("Name", exact=True).press("Enter")
    desk.page.get_by_role("button", name="Save", exact=True).click()
    way = desk.page.get_by_role("combobox", name=re.compile("Call it positive"))
    expect(way).to_have_value(re.compile("all-found"), timeout=PATIENCE_MS)
    assert [point.name for point in find_model(CHEST.id).labels[0].operating_points] == ["sensitive", "all-found"]


def looks_at_what_was_found(desk: Desk) -> None:
    """Click a bar of the scores, then the cell of the matrix that is right and positive: their cases come."""
    desk.wait()
    chart = desk.page.locator(".st-key-chart_histogram")
    chart.scroll_into_view_if_needed()
    bars = [box for bar in chart.locator(".barlayer .point path").all() if (box := bar.bounding_box())]
    tallest = max(bars, key=lambda box: box["height"])
    # On the logarithmic axis a bar goes on below the chart.
    desk.page.mouse.click(tallest["x"] + tallest["width"] / 2, tallest["y"] + 20)
    desk.sees(re.compile(r"^Scores from [\d.]+ to [\d.]+ \([1-9]\d*\)$"))
    desk.wait()
    desk.page.get_by_text("Figures", exact=True).click()
    desk.wait()
    matrix = desk.page.locator(".st-key-chart_confusion .nsewdrag").first
    box = matrix.bounding_box()
    assert box is not None
    matrix.click(position={"x": box["width"] * 0.75, "y": box["height"] * 0.75})
    desk.sees(re.compile(r"Found: 1–12 of \d+"))
    expect(desk.page.locator(".lb-case img")).to_have_count(12, timeout=PATIENCE_MS)


def takes_everything_along(desk: Desk, folder: Path) -> Path:
    desk.wait()
    desk.page.get_by_text("Report", exact=True).click()
    desk.press("Make the files")
    expect(desk.page.get_by_role("button", name="Figures as data")).to_be_visible(timeout=PATIENCE_MS)
    assert desk.download("Report as PDF").startswith(b"%PDF")
    assert json.loads(desk.download("Figures as data"))["n"] == 2 * EACH
    assert len(desk.download("Table of cases").splitlines()) == 2 * EACH + 1
    report = folder / "report.html"
    report.write_bytes(desk.download(re.compile(r"^\S*\s*Report$")))
    return report


def opens_a_case_on_read(desk: Desk) -> None:
    desk.wait()
    desk.page.get_by_text("Cases", exact=True).click()
    desk.press("Open on Read")
    desk.answer(re.compile("Pneumonia"))
    expect(desk.page).to_have_url(re.compile(r"/$"), timeout=PATIENCE_MS)


def opens_the_report_offline(context: BrowserContext, file: Path) -> None:
    context.set_offline(True)
    asked: list[str] = []
    report = context.new_page()
    report.on("request", lambda request: asked.append(request.url))
    report.goto(file.as_uri())
    for shown in (
        report.get_by_role("heading", name=re.compile(f"evaluation on {2 * EACH} images")),
        report.get_by_role("heading", name="Found before the run"),
        report.locator(".js-plotly-plot .gtitle").first,
    ):
        expect(shown).to_be_visible(timeout=PATIENCE_MS)
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
