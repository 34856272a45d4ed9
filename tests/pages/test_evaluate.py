"""The page of evaluations as Streamlit runs it, without a browser: its states, one by one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.assessment import jobs
from core.assessment.jobs import Request
from core.assessment.outcome import assess
from core.assessment.store import DATA_VARIABLE, Store
from tests.conftest import CHECKOUT
from tests.core.assessment.made_set import BRAIN, CHEST, run_job, write_models, write_set

PAGE = CHECKOUT / "pages" / "evaluate.py"
TIMEOUT_S = 120
OWNER = "local"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a set below a root of the server's, beside models and an empty store."""
    root = tmp_path / "weights"
    write_models(root)
    monkeypatch.setenv("LIGHTBOX_WEIGHTS", str(root))
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    monkeypatch.setenv("LIGHTBOX_SETS", str(tmp_path / "sets"))
    # What runs a job here is the test itself.
    monkeypatch.setattr("core.assessment.worker.Worker.start", lambda _: None)
    return write_set(tmp_path / "sets" / "films")


def opened(job_id: str | None = None) -> AppTest:
    page = AppTest.from_file(str(PAGE), default_timeout=TIMEOUT_S)
    if job_id is not None:
        page.query_params["job"] = job_id
    return page.run()


def words(page: AppTest) -> str:
    shown = [*page.title, *page.markdown, *page.caption, *page.warning, *page.error]
    html = [element.proto.body for element in page.get("html")]
    return "\n".join([*(element.value for element in shown), *html])


def charts(page: AppTest) -> list[str]:
    return [json.loads(element.proto.spec)["layout"]["title"]["text"] for element in page.get("plotly_chart")]


def test_an_empty_page_invites_and_says_where_uploads_go(folder: Path) -> None:
    page = opened()
    assert not page.exception
    said = words(page)
    assert "How far can a model be trusted on your own cases?" in said
    assert "None yet" in said
    assert str(folder.parents[1] / "data" / "uploads") in said


def test_without_a_root_only_uploads_are_offered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIGHTBOX_SETS")
    assert opened().get("button_group")[0].proto.options.__len__() == 2


def chosen(page: AppTest) -> AppTest:
    """Choose the set on the server and wait until it was looked at."""
    page.button_group(key="way").set_value("Folder on the server").run()
    page.selectbox(key="server_set").select("sets/films").run()
    page.button(key="look").click().run()
    for _ in range(100):
        if page.subheader:
            return page
        page.run()
    raise AssertionError(words(page))


def test_a_set_is_looked_at_its_labels_mapped_and_run(folder: Path) -> None:
    page = chosen(opened())
    assert not page.exception
    assert "**12 labelled files, with 12 images of 12 patients that can be read.**" in words(page)
    assert ":orange[**Guessed**]" in words(page)
    page.selectbox(key=f"meaning_{BRAIN.id}_pneumonia").select("Glioma").run()
    page.button(key="run").click().run()
    (job,) = jobs.list_jobs(Store(), owner=OWNER)
    assert page.query_params["job"] in (job.id, [job.id])
    assert job.request.meanings == {"pneumonia": "Glioma"}
    assert job.state is jobs.State.QUEUED
    assert not page.exception


def test_a_queued_job_tells_its_place_and_is_cancelled_and_resumed(folder: Path) -> None:
    store = Store()
    jobs.submit(store, Request(CHEST.id, folder), owner="somebody else")
    job = jobs.submit(store, Request(CHEST.id, folder), owner=OWNER)
    page = opened(job.id)
    assert page.get("progress")[0].proto.text == "Waiting: 1 job comes before"
    page.button(key="cancel").click().run()
    assert "You cancelled it" in words(page)
    page.button(key="resume").click().run()
    assert jobs.find_job(store, job.id, owner=OWNER).state is jobs.State.QUEUED


def test_a_job_of_somebody_else_is_none(folder: Path) -> None:
    job = jobs.submit(Store(), Request(CHEST.id, folder), owner="somebody else")
    page = opened(job.id)
    assert "There is no such evaluation" in page.error[0].value


def test_the_outcome_has_the_figures_of_the_engine(folder: Path) -> None:
    store = Store()
    job = run_job(store, folder, owner=OWNER)
    page = opened(job.id)
    assert not page.exception
    own = assess(store, job).result.label("Pneumonia")
    auroc = own.metrics["auroc"]
    assert f"{auroc.value:.3f} ({auroc.low:.3f}–{auroc.high:.3f})" in words(page)
    assert any(title.startswith("ROC curve: Pneumonia") for title in charts(page))
