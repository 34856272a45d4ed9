"""Load: many readers at once at one server, and what a large upload leaves in its memory.

The readers speak to the real server as a browser does (WebSocket, uploads, downloads) and paint nothing; see
`tests.load.visitor`. Every answer, with its heatmap, is compared with that of the same study read alone.
`LIGHTBOX_LOAD_READINGS=20` lets each of the eight read so many studies instead of a hundred.
"""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path

import numpy as np
import pydicom

from tests import made
from tests.benchmarks.measure import Figure, say
from tests.load import crowd
from tests.load.memory import peak_mb, resident_mb, settled_mb
from tests.load.visitor import Visitor
from tests.serving import CHECKOUT, Server, serve

VISITORS = 8
READINGS = int(os.environ.get("LIGHTBOX_LOAD_READINGS", "100"))
LARGE_FRAMES = 950
"""Of 512² and 16 bits: 500 MB."""


def figures() -> list[Figure]:
    """Measure everything; a quarter of an hour on two quiet cores."""
    files = crowd.studies(READINGS)
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights"
        crowd.write_model(weights, files)
        settings = {"LIGHTBOX_WEIGHTS": str(weights)}
        with serve(CHECKOUT / "streamlit_app.py", folder=Path(folder) / "load", environment=settings) as server:
            loaded = _load(server, files)
        with serve(CHECKOUT / "streamlit_app.py", folder=Path(folder) / "large", environment=settings) as server:
            return [*loaded, *_large_upload(server, files[0])]


def _load(server: Server, files: list[bytes]) -> list[Figure]:
    say(f"  {len(files)} studies, one reader")
    expected = crowd.alone(server.url, files)
    say(f"  {len(files)} studies, {VISITORS} readers at once")
    outcome = crowd.crowd(server.url, files, expected, visitors=VISITORS)
    for error in outcome.errors[:5]:
        say(f"  ! {error}")
    p50, p95 = np.percentile(outcome.seconds, [50, 95]) if outcome.seconds else (np.nan, np.nan)
    say(f"  {outcome.readings} readings, {outcome.wrong} wrong, {len(outcome.errors)} errors")
    return [
        Figure("wrong", outcome.wrong, "answers that are not those of the same study read alone", target=0),
        Figure("errors", len(outcome.errors), "readings without an answer", target=0),
        Figure("readings", outcome.readings, f"answers compared, of {VISITORS} readers at once"),
        Figure("p50_s", p50, "a study is brought → its answer is there and taken along, median"),
        Figure("p95_s", p95, "the same, 95 % of them"),
        Figure("readers_told_their_place", outcome.places_seen, f"of {VISITORS}, who saw “… readers before you”"),
        Figure("peak_memory_mb", peak_mb(server.process.pid), "the most that the server had in memory"),
    ]


def _large_upload(server: Server, small: bytes) -> list[Figure]:
    say("  an upload of 500 MB")
    pid, content = server.process.pid, _clip()
    visitor = Visitor(server.url)
    visitor.open()
    visitor.read(small)
    visitor.leave_study()
    before = settled_mb(pid, below=0, wait_s=5)
    visitor.read(content)
    during = resident_mb(pid)
    visitor.leave_study()
    after = settled_mb(pid, below=before + 50)
    visitor.close()
    return [
        Figure("upload_mb", len(content) / 1e6, "one file that is brought, looked at and closed"),
        Figure("memory_before_mb", before, "the server before it, a small study read and closed"),
        Figure("memory_open_mb", during, "while it is open"),
        Figure(
            "memory_left_mb", after - before, "more than before, when it is closed and the page still open", target=50
        ),
    ]


def _clip() -> bytes:
    """Return a multi-frame image: `LARGE_FRAMES` of 512²."""
    frames = np.random.default_rng(1).integers(0, 4096, (LARGE_FRAMES, 512, 512), dtype=np.uint16)
    dataset = pydicom.dcmread(io.BytesIO(made.dicom(frames[0])))
    dataset.NumberOfFrames = LARGE_FRAMES
    dataset.PixelData = frames.tobytes()
    return made.written(dataset)
