"""A server that holds the viewer alone, and a page of it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from core.domain import Series
from core.io import load_path
from tests import made
from tests.browser.viewer.bench import Bench
from tests.browser.viewer.studies import multi_frame_mr, ultrasound
from tests.serving import Server, serve


@pytest.fixture(scope="package")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of studies, one of every kind."""
    folder = tmp_path_factory.mktemp("studies")
    (folder / "dx.dcm").write_bytes(made.radiograph_twins(1200)[1])
    (folder / "volume.nii.gz").write_bytes(made.nifti(made.ball_volume(48) / np.float32(7)))
    (folder / "ct").mkdir()
    for number, content in enumerate(made.ct_series(9, 160, PixelPaddingValue=24)):
        (folder / "ct" / f"{number}.dcm").write_bytes(content)
    shutil.copy(ultrasound(), folder / "us.dcm")
    (folder / "mr.dcm").write_bytes(multi_frame_mr())
    real = Path(__file__).resolve().parents[3].parent / "shared" / "dicom"
    if real.is_dir():
        (folder / "shared").symlink_to(real)
    return folder


@pytest.fixture(scope="package")
def series(studies: Path) -> dict[str, Series]:
    """Return what the server shows, read here."""
    names = [path.name for path in studies.iterdir() if path.name != "shared"]
    return {name: load_path(studies / name).series[0] for name in names}


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory, studies: Path) -> Iterator[Server]:
    environment = {"LIGHTBOX_STUDIES": str(studies)}
    app = Path(__file__).with_name("app.py")
    with serve(app, folder=tmp_path_factory.mktemp("viewer"), environment=environment) as server:
        yield server


@pytest.fixture
def bench(page: Page, server: Server, complaints: list[str]) -> Iterator[Bench]:
    """Return a page with the viewer; afterwards the console must be silent and the log without a failure."""
    logged = len(server.log_text())
    yield Bench(page, server)
    assert complaints == [], "the browser's console must be silent"
    log = server.log_text()[logged:]
    assert not re.search("Traceback|Unforeseen", log), log
