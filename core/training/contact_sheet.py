"""A sheet of examples, to see at a glance whether augmentation leaves the diagnosis in the picture.

It shows pictures of patients, so it is written beside the cache and the checkpoints and not into the model folder,
which is passed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.training.augmentation import as_batch
from core.training.config import TrainingConfig
from core.training.material import Indices, Material, changed_pictures

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

FILE = "augmentation.png"
EXAMPLES, PER_ROW = 16, 4
SIDE = 144
"""Of a picture on the sheet, at most, in pixels."""
GAP, LINE = 6, 16
HEADING = "Left: as it is. Right: as training sees it, drawn anew every time."

Picture = NDArray[np.uint8]


def write_contact_sheet(config: TrainingConfig, material: Material, classes: Sequence[str]) -> Path:
    """Write the sheet into the run's work folder, and return where it is."""
    from PIL import Image

    path = config.work_folder / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(contact_sheet(config, material, classes)).save(path, optimize=True)
    return path


def contact_sheet(config: TrainingConfig, material: Material, classes: Sequence[str]) -> Picture:
    """Draw 16 training pictures, in turn of every class, each beside a changed copy.

    Parameters
    ----------
    classes : sequence of str
        Names of `material.strata`.

    Returns
    -------
    ndarray of uint8, (rows, columns)
    """
    chosen = choose_examples(material)
    rng = np.random.default_rng([config.seed, 0, 2])
    plain = as_batch(material.pixels[chosen], size=config.input.size)
    changed = changed_pictures(config, material, chosen, rng)
    pairs = [
        (_reduced(before), _reduced(after))
        for before, after in zip(plain.numpy()[:, 0], changed.numpy()[:, 0], strict=True)
    ]
    return _laid_out(pairs, [classes[number] for number in material.strata[chosen]])


def choose_examples(material: Material) -> Indices:
    """Choose training pictures, one of every class after the other; some come twice where there are too few."""
    rng = np.random.default_rng(0)
    strata = material.strata[material.training]
    of_class = [rng.permutation(material.training[strata == one]) for one in np.unique(strata)]
    return np.array(
        [of_class[n % len(of_class)][n // len(of_class) % len(of_class[n % len(of_class)])] for n in range(EXAMPLES)]
    )


def _reduced(picture: NDArray[np.float32]) -> Picture:
    from PIL import Image

    shown = Image.fromarray(np.rint(picture * 255).astype(np.uint8))
    shown.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(shown)


def _laid_out(pairs: Sequence[tuple[Picture, Picture]], captions: Sequence[str]) -> Picture:
    from PIL import Image, ImageDraw, ImageFont

    rows, columns = pairs[0][0].shape
    width, height = 2 * columns + 2 * GAP, rows + LINE + GAP
    sheet = Image.new("L", (PER_ROW * width + GAP, -(-len(pairs) // PER_ROW) * height + LINE + 2 * GAP), 32)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    draw.text((GAP, GAP), HEADING, fill=255, font=font)
    for number, (pair, caption) in enumerate(zip(pairs, captions, strict=True)):
        left, top = GAP + number % PER_ROW * width, LINE + 2 * GAP + number // PER_ROW * height
        for side, picture in enumerate(pair):
            sheet.paste(Image.fromarray(picture), (left + side * (columns + 1), top))
        draw.text((left, top + rows + 1), _fitting(caption, font, width - GAP), fill=200, font=font)
    return np.asarray(sheet)


def _fitting(text: str, font: FreeTypeFont | ImageFont, width: int) -> str:
    """Cut a text that is too wide."""
    if font.getlength(text) <= width:
        return text
    length = next(n for n in range(len(text), -1, -1) if font.getlength(f"{text[:n]}…") <= width or not n)
    return f"{text[:length]}…"
