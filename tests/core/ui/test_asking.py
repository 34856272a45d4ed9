from __future__ import annotations

import gc
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests

from core import workflow
from core.domain import Acquisition, Frame, Image, Intensity, Prediction, Series, Study
from core.errors import ModelError, StudyError, UnsuitableInputError
from core.models.proposal import Proposal
from core.ui import asking
from core.ui.session import OpenStudy
from core.workflow import Reading
from tests.made_models import CHEST_SPEC, TUMOUR_SPEC, write_chest_model, write_gated_model

IMAGE = Image(np.zeros((4, 4), np.uint8), Intensity.RADIOGRAPH, "MONOCHROME2", "uid")
SERIES = Series("s", "DX", (Frame("uid", lambda: IMAGE, (4, 4)),))
PREDICTION = Prediction("uid", CHEST_SPEC.id, "1", CHEST_SPEC.sha256, (), (), 0.1, "cpu")
READING = Reading(SERIES, 0, IMAGE, CHEST_SPEC, PREDICTION, ())


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait as long as it takes, however busy this machine is."""
    monkeypatch.setattr(asking, "PATIENCE_S", 60.0)


@pytest.fixture
def opened() -> OpenStudy:
    return OpenStudy(Study("0", (SERIES,)), "s")


def nobody_waits(before: int = 0) -> None:
    raise AssertionError("an answer that is there at once must not be waited for on the page")


def test_a_frame_is_decoded_once() -> None:
    loads = []
    frame = Frame("uid", lambda: loads.append(1) or IMAGE, (4, 4))
    study = OpenStudy(Study("0", (Series("s", "DX", (frame,)),)), "s")
    assert [asking.decode(study, 0, while_waiting=nobody_waits) for _ in range(3)] == [IMAGE] * 3
    assert len(loads) == 1


def test_a_frame_that_cannot_be_decoded_says_why() -> None:
    def fail() -> Image:
        raise StudyError("The pixels end too early.", code="truncated-pixel-data")

    study = OpenStudy(Study("0", (Series("s", "DX", (Frame("uid", fail, (4, 4)),)),)), "s")
    with pytest.raises(StudyError, match="end too early"):
        asking.decode(study, 0, while_waiting=nobody_waits)


def test_the_same_question_is_asked_once(opened: OpenStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = []
    monkeypatch.setattr(workflow, "read_frame", lambda *args, **_: questions.append(args) or READING)
    for _ in range(3):
        assert asking.ask(opened, 0, CHEST_SPEC, while_waiting=nobody_waits) is READING
    assert questions == [(SERIES, 0)]


def test_a_refusal_is_an_outcome_and_remembered(opened: OpenStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = []

    def refuse(*_: object, **__: object) -> Reading:
        questions.append(1)
        raise UnsuitableInputError("The image has no contrast.", code="no-contrast")

    monkeypatch.setattr(workflow, "read_frame", refuse)
    outcomes = [asking.ask(opened, 0, CHEST_SPEC, while_waiting=nobody_waits) for _ in range(2)]
    assert [str(outcome) for outcome in outcomes] == ["The image has no contrast."] * 2
    assert len(questions) == 1


def test_a_longer_wait_is_told_once(opened: OpenStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    told, may_answer = [], threading.Event()

    def read_slowly(*_: object, **__: object) -> Reading:
        assert may_answer.wait(timeout=60)
        return READING

    def tell(before: int) -> None:
        told.append(before)
        may_answer.set()

    monkeypatch.setattr(workflow, "read_frame", read_slowly)
    monkeypatch.setattr(asking, "PATIENCE_S", 0.01)
    assert asking.ask(opened, 0, CHEST_SPEC, while_waiting=tell) is READING
    assert told == [0]


def test_who_waits_is_told_how_many_come_before(opened: OpenStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    others = [object(), object()]
    for other in others:
        asking.LINE.enter(other)
    may_answer = threading.Event()

    def read_slowly(*_: object, **__: object) -> Reading:
        assert may_answer.wait(timeout=60)
        return READING

    def tell(before: int) -> None:
        told.append(before)
        if others:
            asking.LINE.leave(others.pop(0))
        else:
            may_answer.set()

    monkeypatch.setattr(workflow, "read_frame", read_slowly)
    monkeypatch.setattr(asking, "PATIENCE_S", 0.01)
    assert asking.ask(opened, 0, CHEST_SPEC, while_waiting=tell) is READING
    assert told == [2, 1, 0]
    late = object()
    asking.LINE.enter(late)
    assert asking.LINE.before(late) == 0, "whoever has the answer is no longer in line"
    asking.LINE.leave(late)


class TestWarmUp:
    @pytest.fixture(autouse=True)
    def timers(self, monkeypatch: pytest.MonkeyPatch) -> list[threading.Timer]:
        """Collect what would be started in the background."""
        made: list[threading.Timer] = []
        monkeypatch.setattr(asking, "_warmed", set())

        def start(timer: threading.Timer) -> None:
            made.append(timer)

        monkeypatch.setattr(threading.Timer, "start", start)
        return made

    def test_a_model_is_warmed_once_per_process(self, timers: list[threading.Timer]) -> None:
        asking.warm_up_in_background(CHEST_SPEC)
        asking.warm_up_in_background(CHEST_SPEC)
        assert len(timers) == 1
        assert timers[0].daemon

    def test_without_a_study_all_models_are_warmed(
        self, timers: list[threading.Timer], made_weights: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_chest_model(made_weights, TUMOUR_SPEC)
        warmed = []
        monkeypatch.setattr(workflow, "warm_up", warmed.append)
        asking.warm_up_in_background()
        asking.warm_up_in_background()
        assert len(timers) == 1
        timers[0].function(*timers[0].args)
        assert warmed == [TUMOUR_SPEC.id, CHEST_SPEC.id]

    def test_without_models_nothing_happens(
        self, timers: list[threading.Timer], tmp_path: object, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LIGHTBOX_WEIGHTS", str(tmp_path))
        asking.warm_up_in_background()
        assert timers == []

    def test_a_model_that_cannot_be_loaded_is_left_for_whoever_asks_it(
        self, timers: list[threading.Timer], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(model_id: str) -> None:
            raise ModelError("The weights are damaged.", code="weights-damaged")

        monkeypatch.setattr(workflow, "warm_up", fail)
        asking.warm_up_in_background(CHEST_SPEC)
        timers[0].function(*timers[0].args)

    def test_afterwards_garbage_is_not_looked_for_among_the_libraries(
        self, timers: list[threading.Timer], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        froze: list[str] = []
        monkeypatch.setattr(workflow, "warm_up", lambda _model_id: froze.append("warm"))
        monkeypatch.setattr(gc, "freeze", lambda: froze.append("frozen"))
        asking.spare_libraries_from_collection.cache_clear()
        asking.warm_up_in_background(CHEST_SPEC)
        timers[0].function(*timers[0].args)
        timers[0].function(*timers[0].args)
        assert froze == ["warm", "frozen", "warm"]


class TestProposal:
    def broken(self, *, acquisition: Acquisition) -> OpenStudy:
        def fail() -> Image:
            raise StudyError("The pixel data are cut short.", code="truncated-pixel-data")

        series = Series("s", "A film", (Frame("uid", fail, (4, 4)),), acquisition)
        return OpenStudy(Study("0", (series,)), "s")

    def test_where_the_header_says_enough_no_picture_is_decoded(self, made_weights: Path) -> None:
        opened = self.broken(acquisition=Acquisition("DX", "CHEST", "AP", 3.0))
        proposed = asking.proposal(opened).result()
        assert proposed.model is not None
        assert proposed.model.id == CHEST_SPEC.id

    def test_a_picture_that_cannot_be_decoded_has_no_proposal_and_the_reason(self, made_weights: Path) -> None:
        write_gated_model(made_weights, TUMOUR_SPEC, limit=1.0)
        opened = self.broken(acquisition=Acquisition())
        assert asking.proposal(opened).result() == Proposal(None, "The pixel data are cut short.")

    def test_a_series_is_looked_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[Series] = []
        monkeypatch.setattr(workflow, "propose", lambda series: asked.append(series) or Proposal(None, "No."))
        opened = self.broken(acquisition=Acquisition())
        assert asking.proposal(opened) is asking.proposal(opened)
        assert len(asked) == 1


def test_what_the_reader_does_meanwhile_is_noticed_by_a_run_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = ScriptRequests()
    monkeypatch.setattr(asking, "get_script_run_ctx", lambda: SimpleNamespace(script_requests=requests))
    assert requests.on_scriptrunner_yield() is None
    assert not asking.is_overtaken()
    requests.request_rerun(RerunData(fragment_id="room"))
    assert requests.on_scriptrunner_yield() is None, "Streamlit itself lets it wait"
    assert asking.is_overtaken()
    monkeypatch.setattr(asking, "get_script_run_ctx", lambda: None)
    assert not asking.is_overtaken()
