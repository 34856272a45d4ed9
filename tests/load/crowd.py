"""Many readers at once, against the same studies read alone: nobody may see another's answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.io import Source, load_study
from core.models.predict import load_engine
from tests import made
from tests.known_models import Answer, known_spec, write_known_model
from tests.load.visitor import Visitor

SAME_WITHIN = 1e-4
"""Of scores and heatmaps: which threads compute may change the last digits."""
CHANNELS = 1280
"""Of MobileNetV2's last features."""
PLACE = "before you"
OF_THE_MOMENT = frozenset({"created", "seconds", "device"})


@dataclass(slots=True)
class Outcome:
    """What a crowd came to.

    Attributes
    ----------
    readings : int
        Answers that were compared.
    wrong : int
        Of them, those whose image, calls, scores, warnings or heatmap are not those of the study read alone.
    errors : list of str
        Readings without an answer.
    seconds : list of float
        From the moment when a study is brought until its answer is there.
    places_seen : int
        Visitors who were told how many readers were before them.
    """

    readings: int = 0
    wrong: int = 0
    errors: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    places_seen: int = 0


def studies(count: int, size: int = 256) -> list[bytes]:
    """Make radiographs that differ: each has a shadow of its own at a place of its own."""
    rows, columns = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j]
    chest = made.chest_values(size).astype(np.float64)
    chance = np.random.default_rng(7)
    files = []
    for _ in range(count):
        down, across, width, depth = chance.uniform([0.3, 0.2, 0.03, 300], [0.7, 0.8, 0.12, 1500])
        shadow = depth * np.exp(-((rows - down) ** 2 + (columns - across) ** 2) / (2 * width**2))
        pixels = np.clip(chest + shadow + chance.normal(0, 20, chest.shape), 0, 4095).astype(np.uint16)
        files.append(made.dicom(pixels, {"WindowCenter": 1500, "WindowWidth": 3000}))
    return files


def write_model(root: Path, files: Sequence[bytes]) -> None:
    """Write a model as large as the one that ships, which finds its labels in about half of the studies."""
    labels = ("consolidation", "effusion", "nodule")
    spec = known_spec("load", labels, modality="DX", body_part="CHEST")
    chance = np.random.default_rng(3)
    weights = {name: tuple(chance.normal(0, 0.05, CHANNELS).tolist()) for name in labels}
    written = write_known_model(root, spec, {name: Answer(weight, 0.0) for name, weight in weights.items()})
    engine = load_engine(written, device="cpu", root=root)
    images = [load_study([Source("study", content)]).series[0].frames[0].load() for content in files]
    middle = np.median([engine.run(image).logits for image in images], axis=0)
    answers = {name: Answer(weights[name], -float(logit)) for name, logit in zip(labels, middle, strict=True)}
    write_known_model(root, spec, answers)


def alone(url: str, files: Sequence[bytes]) -> list[dict[str, Any]]:
    """Let one visitor read all studies."""
    visitor = Visitor(url)
    visitor.open()
    answers = [visitor.read(content) for content in files]
    visitor.close()
    return answers


def crowd(url: str, files: Sequence[bytes], expected: Sequence[Mapping[str, Any]], *, visitors: int) -> Outcome:
    """Let so many visitors read all studies at the same time, each beginning with another one."""
    outcome, lock = Outcome(), threading.Lock()
    together = threading.Barrier(visitors)

    def visit(number: int) -> None:
        visitor = Visitor(url)
        visitor.open()
        together.wait()
        for step in range(len(files)):
            index = (number * len(files) // visitors + step) % len(files)
            began = time.perf_counter()
            try:
                answer = visitor.read(files[index])
            except Exception as error:  # counted, whatever it is; the next study is read on a new page
                with lock:
                    outcome.errors.append(f"{type(error).__name__}: {error}")
                    outcome.places_seen += visitor.saw(PLACE)
                visitor.close()
                visitor = Visitor(url)
                visitor.open()
                continue
            with lock:
                outcome.seconds.append(time.perf_counter() - began)
                outcome.readings += 1
                outcome.wrong += not is_same(answer, expected[index])
        with lock:
            outcome.places_seen += visitor.saw(PLACE)
        visitor.close()

    with ThreadPoolExecutor(visitors) as pool:
        for each in [pool.submit(visit, number) for number in range(visitors)]:
            each.result()
    return outcome


def is_same(answer: object, expected: object) -> bool:
    """Whether two results say the same, but for what belongs to the moment."""
    if isinstance(answer, Mapping) and isinstance(expected, Mapping):
        keys = answer.keys() - OF_THE_MOMENT
        return keys == expected.keys() - OF_THE_MOMENT and all(is_same(answer[key], expected[key]) for key in keys)
    if isinstance(answer, list) and isinstance(expected, list):
        return len(answer) == len(expected) and all(map(is_same, answer, expected))
    if isinstance(answer, float) and isinstance(expected, float):
        return abs(answer - expected) <= SAME_WITHIN
    return answer == expected
