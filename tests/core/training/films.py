"""A labelled folder of made-up films: soft shadows that differ from film to film, and a bright blob for "opacity"."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 64


def film(rng: np.random.Generator, *, opacity: bool, shape: tuple[int, int] = (SIDE, SIDE)) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    shadows = Image.fromarray(rng.normal(70, 25, (14, 14)).astype(np.float32)).resize(
        shape[::-1], Image.Resampling.BICUBIC
    )
    picture = np.asarray(shadows) + rng.normal(0, 2, shape)
    if opacity:
        row, column = rng.uniform(0.35, 0.65, 2) * shape
        picture += 110 * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * (shape[0] / 7) ** 2))
    return picture.clip(0, 255).astype(np.uint8)


def write(path: Path, picture: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
    return path


def labelled_folder(folder: Path, *, patients: int = 15, films_each: int = 2, seed: int = 0) -> Path:
    """Write `clear/` and `opaque/`, `patients` × `films_each` films in each; the patient is `p07` in `p07_1.png`."""
    rng = np.random.default_rng(seed)
    for number, name in enumerate(("clear", "opaque")):
        for patient in range(patients):
            for index in range(films_each):
                file = folder / name / f"p{number}{patient:02}_{index}.png"
                write(file, film(rng, opacity=name == "opaque"))
    return folder
