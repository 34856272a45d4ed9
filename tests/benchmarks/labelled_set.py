"""Evaluate's pipeline: a set of large radiographs through one network, beside the pipeline that is usual.

The peer is a torch `Dataset` that reads with pydicom, windows with pydicom and resizes with Pillow, a `DataLoader` with
two workers, and the same network in eager mode. Both begin with files on disk and end with logits in memory.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from core.assessment import jobs
from core.assessment.jobs import Job, Request
from core.assessment.store import Store
from core.assessment.worker import run_next
from core.models.registry import find_model, weights_root
from tests import made
from tests.benchmarks.measure import Figure, Work, interleaved, median_ratio, medians, say
from tests.known_models import NEGATIVE, POSITIVE, known_spec, write_known_model
from tests.made_models import write_chest_model
from tests.serving import CHECKOUT

MODEL = "benchmark-chest"
LABELS = ("pneumonia", "effusion")


def pipeline(*, images: int = 60, size: int = 2048, repetitions: int = 3, warm_up: int = 1) -> list[Figure]:
    """Measure the rate of a first run, of a second one, and of the usual pipeline."""
    say("  a set of radiographs")
    with _made_set(images, size=size) as folder:
        times = interleaved(
            {"own": lambda: _first_run(folder), "usual": lambda: _usual_run(folder)},
            repetitions=repetitions,
            warm_up=warm_up,
        )
        again = interleaved({"second": _second_run(folder)}, repetitions=repetitions, warm_up=warm_up)
    rates = {name: images / seconds for name, seconds in medians({**times, **again}).items()}
    return [
        Figure("images_per_second", rates["own"], f"files → committed answers, radiographs of {size}²"),
        Figure("usual_pipeline_images_per_second", rates["usual"], "peer: Dataset, pydicom, Pillow, DataLoader, eager"),
        Figure("ratio", median_ratio(times, "usual", "own"), "rate by that of the usual pipeline", at_least=3),
        Figure("second_run_images_per_second", rates["second"], "the same set once more"),
    ]


def memory(*, sizes: tuple[int, int] = (1000, 10_000)) -> list[Figure]:
    """Measure the most memory that the process takes for small sets and large ones, figures included."""
    return [
        Figure(f"peak_memory_mb_{count}", _peak_mb(count), f"of the process, for a set of {count} pictures")
        for count in sizes
    ]


# ── Lightbox ──────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _made_set(images: int, *, size: int) -> Iterator[Path]:
    """Write a set of different radiographs and a model for it, and let the application use them."""
    before = {name: os.environ.get(name) for name in ("LIGHTBOX_WEIGHTS", "LIGHTBOX_DATA")}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        root = Path(name)
        spec = known_spec(MODEL, LABELS, modality="DX", body_part="CHEST")
        write_known_model(root / "weights", spec, {LABELS[0]: POSITIVE, LABELS[1]: NEGATIVE})
        values = made.chest_values(size)
        for number in range(images):
            folder = root / "set" / ("normal", "pneumonia")[number % 2]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number:05}.dcm").write_bytes(made.dicom(np.roll(values, 7 * number, axis=1)))
        os.environ.update(LIGHTBOX_WEIGHTS=str(root / "weights"), LIGHTBOX_DATA=str(root / "data"))
        try:
            yield root / "set"
        finally:
            for variable, value in before.items():
                os.environ.pop(variable) if value is None else os.environ.update({variable: value})


def _first_run(folder: Path) -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        _run(folder, Store(Path(data)))


def _second_run(folder: Path) -> Work:
    store = Store()
    _run(folder, store)
    return lambda: _run(folder, store)


def _run(folder: Path, store: Store, *, model: str = MODEL) -> Job:
    job = jobs.submit(store, Request(model, folder), owner="benchmark")
    run_next(store)
    done = jobs.find_job(store, job.id, owner="benchmark")
    if done.state is not jobs.State.DONE or done.failed:
        raise RuntimeError(f"the run ended as {done.state}, {done.failed} failed: {done.message}")
    return done


# ── The usual pipeline ────────────────────────────────────────────────────────────────────────────────────────────


def _usual_run(folder: Path) -> None:
    import torch
    from torch.utils.data import DataLoader

    from core.models.network import build_network, load_weights, read_weights

    spec = find_model(MODEL)
    network = build_network(spec.architecture, labels=len(spec.labels), channels=3).eval()
    load_weights(network, read_weights(weights_root() / MODEL / "model.safetensors", sha256=spec.sha256))
    loader = DataLoader(UsualDataset(sorted(folder.rglob("*.dcm"))), batch_size=16, num_workers=2)
    with torch.no_grad():
        torch.cat([network(batch) for batch in loader])


class UsualDataset:
    """What is written for this purpose day by day."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> object:
        import pydicom
        import torch
        from PIL import Image
        from pydicom.pixels import apply_modality_lut, apply_voi_lut

        dataset = pydicom.dcmread(self.files[index])
        values = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset).astype(np.float32)
        low, high = np.percentile(values, (0.5, 99.5))
        scaled = ((values - low) / (high - low)).clip(0, 1) * 255
        picture = Image.fromarray(scaled.astype(np.uint8)).resize((224, 224), Image.Resampling.BILINEAR).convert("RGB")
        pixels = np.asarray(picture, dtype=np.float32).transpose(2, 0, 1) / 255
        mean, std = (np.array(numbers, np.float32)[:, None, None] for numbers in (_MEAN, _STD))
        return torch.from_numpy((pixels - mean) / std)


_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# ── Memory ────────────────────────────────────────────────────────────────────────────────────────────────────────

_ALONE = """
import json, sys
from pathlib import Path
from core.assessment.outcome import assess
from core.assessment.store import Store
from tests.benchmarks.labelled_set import _run
from tests.made_models import MODEL_ID as MADE

store = Store()
assess(store, _run(Path(sys.argv[1]), store, model=MADE))
status = Path("/proc/self/status").read_text().split()
print(json.dumps(int(status[status.index("VmHWM:") + 1]) / 1024))
"""


def _peak_mb(images: int) -> float:
    """Return the most memory that a process of its own took to run a set; NaN where the system is not Linux.

    `getrusage` would count what the process that started it had.
    """
    if sys.platform != "linux":
        return math.nan
    say(f"  memory for {images} pictures")
    with _made_set(2, size=64) as folder:
        write_chest_model(weights_root())
        values = (made.chest_values(160) >> 4).astype(np.uint8)
        for number in range(images):
            picture = np.roll(values, number % 160, axis=1).copy()
            picture[0, :4] = np.frombuffer(np.uint32(number).tobytes(), np.uint8)
            (folder / "normal" / f"{number:06}.png").write_bytes(made.png(picture))
        ran = subprocess.run(
            [sys.executable, "-c", _ALONE, str(folder)], cwd=CHECKOUT, capture_output=True, text=True, check=True
        )
    return float(json.loads(ran.stdout))
