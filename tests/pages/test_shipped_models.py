"""The models that ship, evaluated on real images: the page and the command give the same figures."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.__main__ import main
from core.assessment import jobs
from core.assessment.record import as_record
from core.assessment.store import DATA_VARIABLE, Store
from core.assessment.worker import run_next
from core.models.registry import find_model
from core.ui.evaluate.state import assessment_of
from tests.conftest import CHECKOUT

TIMEOUT_S = 300
OF_EACH = 4
SETS = {
    "cxr-pneumonia-pediatric": "chest_xray_pediatric",
    "mr-brain-tumor": "brain_mri_tumor",
    "us-breast-lesion": "breast_ultrasound",
    "ct-covid-chest": "chest_ct_covid/val",
}
PASSING = ("seconds", "images_per_second", "images_computed")


def some_of(classes: Path, folder: Path) -> Path:
    """Copy a few images of every class, from all over it."""
    for own in sorted(classes.iterdir()):
        files = sorted(own.iterdir())
        for file in files[:: len(files) // OF_EACH][:OF_EACH]:
            (folder / own.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(file, folder / own.name)
    return folder


def by_page(model: str, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """Choose model and set, run, and return the page with the outcome; what runs the job is the test itself."""
    monkeypatch.setattr("core.assessment.worker.Worker.start", lambda _: None)
    page = AppTest.from_file(str(CHECKOUT / "pages" / "evaluate.py"), default_timeout=TIMEOUT_S).run()
    page.selectbox(key="model").select(model).run()
    page.button_group(key="way").set_value("Folder on the server").run()
    page.selectbox(key="server_set").select(f"sets/{model}").run()
    page.button(key="look").click().run()
    while not page.subheader:
        assert not page.error, page.error[0].value
        page.run()
    page.button(key="run").click().run()
    assert run_next(Store())
    page.run()
    assert not page.exception
    return page


def without_time(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in PASSING}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of a record with its place."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        yield path, value
    for name, each in items or ():
        yield from leaves(each, f"{path}/{name}")


@pytest.mark.parametrize("model", SETS)
def test_page_and_command_give_the_same_figures(
    model: str, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = find_model(model)
    folder = some_of(shared_data / "data" / SETS[model], tmp_path / "sets" / model)
    monkeypatch.setenv("LIGHTBOX_SETS", str(tmp_path / "sets"))
    # Each has a store of its own, so that each computes.
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "command"))
    assert main(["evaluate", str(folder), "--model", model, "--out", str(tmp_path / "out")]) == 0
    command = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "page"))
    page = by_page(model, monkeypatch)
    (job,) = jobs.list_jobs(Store(), owner="local")
    shown = as_record(assessment_of(page.session_state["bench"], Store(), job))

    count = OF_EACH * len(list(folder.iterdir()))
    assert (command["n"], command["images_computed"], shown["images_computed"]) == (count, count, count)
    assert set(command["labels"]) == {label.name for label in spec.labels}
    assert command["model"]["sha256"] == spec.sha256
    # Batches may be put together otherwise, which the last digits of a float32 show.
    there, here = dict(leaves(without_time(command))), dict(leaves(without_time(shown)))
    assert there.keys() == here.keys()
    for place, value in there.items():
        same = math.isclose(value, here[place], abs_tol=1e-6) if isinstance(value, float) else value == here[place]
        assert same, f"{place}: {value} by the command, {here[place]} on the page"
    is_exclusive = spec.calibration.activation == "softmax"
    said = "\n".join(element.value for element in page.markdown)
    assert ("named the right label in" in said) == is_exclusive
    if is_exclusive:
        assert sum(map(sum, command["confusion_matrix"])) == count
