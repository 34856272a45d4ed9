"""The page of evaluations as Streamlit runs it, without a browser: its states, one by one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.__main__ import main
from core.assessment import jobs
from core.assessment.jobs import Request
from core.assessment.outcome import assess, most_wrong
from core.assessment.store import DATA_VARIABLE, Store
from core.models.registry import find_model
from core.ui.access import User
from core.ui.access.user import LOCAL
from core.ui.evaluate.taking import FORMATS
from core.ui.offers import NO_FILE, PATH, serve_file
from tests.conftest import CHECKOUT
from tests.core.assessment.made_set import BRAIN, CHEST, run_job, write_models, write_set
from tests.core.ui.test_offers import request

PAGE = CHECKOUT / "pages" / "evaluate.py"
TIMEOUT_S = 120
BESIDE = "_apart_"
OWNER = "local"
BOB = User("proxy-bob", "Bob")


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


def other_job(job: jobs.Job) -> str:
    return next(one.id for one in jobs.list_jobs(Store(), owner=OWNER) if one.id != job.id)


def part(page: AppTest, name: str) -> AppTest:
    page.button_group(key="part").set_value(name).run()
    assert not page.exception
    assert not page.error, page.error[0].value
    return page


def test_the_threshold_moves_by_hand_and_for_an_aim_and_is_saved(folder: Path) -> None:
    store = Store()
    job = run_job(store, folder, owner=OWNER)
    page = opened(job.id)
    way = f"way_{job.id}_Pneumonia"
    page.selectbox(key=way).select("For a sensitivity").run()
    page.number_input(key=f"sensitivity_{job.id}_Pneumonia").set_value(100.0).run()
    assert "found **100 % (" in words(page)
    page.text_input(key="point_name_Pneumonia").set_value("all-found").run()
    page.button(key="save_point_Pneumonia").click().run()
    assert not page.exception
    (label, _) = find_model(CHEST.id).labels
    point = label.operating_points[-1]
    assert (point.name, point.criterion) == ("all-found", "100 % sensitivity")
    assert point.origin.startswith("12 images of an evaluated set")
    assert label.default_operating_point == "sensitive"
    lowest = min(case.scores[0] for case in assess(store, job).cases if case.names == ("pneumonia",))
    assert point.threshold == lowest
    assert page.selectbox(key=way).value.startswith("As set (all-found)")


def test_cases_are_shown_most_confidently_wrong_first_and_open_on_the_page_read(folder: Path) -> None:
    store = Store()
    job = run_job(store, folder, owner=OWNER)
    page = part(opened(job.id), "Cases")
    wrong = most_wrong(assess(store, job), "Pneumonia")
    cards = [button.key for button in page.button if button.key and button.key.startswith("read_")]
    assert cards == [f"read_{number}" for number in wrong]
    assert words(page).count("data:image/jpeg") >= len(wrong)


def test_groups_and_the_comparison_say_what_there_is(folder: Path) -> None:
    store = Store()
    first = run_job(store, folder, owner=OWNER)
    page = part(opened(first.id), "Subgroups")
    assert "Nothing tells the images apart" in page.info[0].value
    assert "no evaluation of another model" in words(part(page, "Compare"))
    run_job(store, folder, model=BRAIN.id, owner=OWNER, meanings={"normal": "None", "pneumonia": "Glioma"})
    page = part(opened(first.id), "Compare")
    assert "Both evaluated **12 images of 12 patients**." in words(page)
    assert any(title.startswith("ROC curve: Made-up chest model") for title in charts(page))


def test_disagreements_are_paged_with_what_both_models_say(folder: Path) -> None:
    write_set(folder, each=20)
    store = Store()
    first = run_job(store, folder, owner=OWNER)
    run_job(store, folder, model=BRAIN.id, owner=OWNER, meanings={"normal": "None", "pneumonia": "Glioma"})
    page = part(opened(first.id), "Compare")
    (count,) = re.findall(r"\*\*Called by one of them\*\*: 1–12 of (\d+)", words(page))
    assert words(page).count(f"<li>{BRAIN.title}: score ") == 12
    assert page.toggle(key=f"gallery_heat{BESIDE}{other_job(first)}").value
    page.button(key=f"next{BESIDE}{other_job(first)}").click().run()
    assert f"**Called by one of them**: 13–{min(24, int(count))} of {count}" in words(page)


def test_files_are_those_of_the_command(folder: Path, tmp_path: Path) -> None:
    job = run_job(Store(), folder, owner=OWNER)
    page = part(opened(job.id), "Report")
    page.button(key="make_files").click().run()
    assert not page.exception
    # Streamlit's own address of a download is anybody's.
    assert not page.get("download_button")
    path = address_of_files(page)
    files = {name: taken(path, name) for name in FORMATS}
    assert files["report.pdf"].startswith(b"%PDF")
    assert len(files["predictions.csv"].splitlines()) == 13
    assert main(["evaluate", str(folder), "--model", CHEST.id, "--out", str(tmp_path / "out")]) == 0
    command = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    own = json.loads(files["report.json"])
    assert "Found before the run" in files["report.html"].decode()
    for each in (own, command):
        for passing in ("seconds", "images_per_second", "images_computed"):
            each.pop(passing)
    assert own == command


def test_files_are_their_owners_alone_and_go_with_the_evaluation(folder: Path) -> None:
    store = Store()
    job = run_job(store, folder, owner=OWNER)
    page = part(opened(job.id), "Report").button(key="make_files").click().run()
    path = address_of_files(page)
    for name in FORMATS:
        assert len(taken(path, name)) > 500
        assert taken(path, name, user=BOB) == taken(f"{PATH}/made-up", name, user=BOB)
        assert taken(path, name, user=None) == taken(f"{PATH}/made-up", name)
    assert address_of_files(page.run()) == path
    jobs.forget(store, job.id, owner=OWNER)
    assert b"There is no such evaluation" in taken(path, "predictions.csv")


def address_of_files(page: AppTest) -> str:
    (path,) = re.findall(r'<form class="lb-files" action="([^"]+)"', words(page))
    return str(path)


def taken(path: str, name: str, *, user: User | None = LOCAL) -> bytes:
    """Return what the route of all files answers to somebody whom the gate has let in."""
    answer = serve_file(request(path.removeprefix(f"{PATH}/"), f"format={name}", user))
    assert answer.headers["cache-control"] == "no-store"
    refused = NO_FILE in answer.headers["content-disposition"]
    assert refused or f'filename="{name}"' in answer.headers["content-disposition"]
    return bytes(answer.body)
