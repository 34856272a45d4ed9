"""Random changes that a film may undergo without becoming another diagnosis.

Besides the usual geometry there are changes of exposure, sharpness, resolution, compression and side markers. Where
those happen to differ between the classes of a data set, a network learns them instead of the disease; drawing them
at random for every class takes that shortcut away (Geirhos et al., Shortcut learning in deep neural networks, 2020).

Every function takes and returns a batch; random numbers come from the generator that is handed in, so that the same
seed, epoch and step give the same pictures, also after a resumed run.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core.training.augmentation_settings import Augmentation

MOST_KEPT = 1.2
"""More than the whole picture: the largest share of a side that may be in view, so that black margins stay narrow."""


EXCHANGE_EDGE = 0.08
"""Width of the soft edge between a picture and exchanged surroundings, in half sides."""


def augment(
    pictures: NDArray[np.uint8],
    *,
    size: tuple[int, int],
    settings: Augmentation,
    rng: np.random.Generator,
    elongation: NDArray[np.float64] | None = None,
) -> Tensor:
    """Return a changed copy of every picture.

    Parameters
    ----------
    pictures : ndarray of uint8, (N, rows, columns)
    size : (rows, columns)
        Of the result.
    elongation : ndarray, (N,), or None
        Added to the logarithm of the random stretch; see `core.training.shortcuts.elongation_offsets`.

    Returns
    -------
    Tensor of float32, (N, 1, rows, columns), 0 to 1
    """
    x = change_exposure(pictures, settings, rng)
    x = exchange_surroundings(x, settings, rng)
    x = reframe(x, size=size, placement=draw_placement(len(x), settings, rng, elongation=elongation))
    x = add_shading(x, settings, rng)
    x = lose_resolution(x, settings, rng)
    x = change_sharpness(x, settings, rng)
    x = add_noise(x, settings, rng)
    x = paint_markers(x, settings, rng)
    x = erase_patches(x, settings, rng)
    return compress(x.clamp_(0, 1), settings, rng)


def as_batch(pictures: NDArray[np.uint8], *, size: tuple[int, int]) -> Tensor:
    """Return the pictures unchanged but for their size: float32, (N, 1, rows, columns), 0 to 1."""
    x = torch.from_numpy(np.array(pictures)).unsqueeze(1).float().div_(255)
    return x if x.shape[-2:] == size else functional.interpolate(x, size, mode="bilinear", antialias=True)


def mix_up(x: Tensor, targets: Tensor, *, alpha: float, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Blend every picture and its targets with those of another one; an `alpha` of 0 leaves them as they are.

    The share of the other picture is drawn from Beta(alpha, alpha), once for the batch.

    References
    ----------
    .. [1] Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018.
    """
    if not alpha:
        return x, targets
    share = float(rng.beta(alpha, alpha))
    other = torch.from_numpy(rng.permutation(len(x)))
    return (1 - share) * x + share * x[other], (1 - share) * targets + share * targets[other]


# ── Exposure ──────────────────────────────────────────────────────────────────────────────────────────────────────


def change_exposure(pictures: NDArray[np.uint8], settings: Augmentation, rng: np.random.Generator) -> Tensor:
    """Draw a tone curve for each picture: gamma, then gain and offset about the middle."""
    n = len(pictures)
    gamma = np.exp(rng.uniform(-settings.gamma, settings.gamma, (n, 1)))
    gain = np.exp(rng.uniform(-settings.contrast, settings.contrast, (n, 1)))
    offset = rng.uniform(-settings.brightness, settings.brightness, (n, 1))
    return apply_tone(pictures, gamma=gamma, gain=gain, offset=offset)


def apply_tone(
    pictures: NDArray[np.uint8],
    *,
    gamma: NDArray[np.float64],
    gain: NDArray[np.float64],
    offset: NDArray[np.float64],
) -> Tensor:
    """Apply `(v ** gamma − 0.5) · gain + 0.5 + offset`, cut to 0–1, by a table; parameters are (N, 1)."""
    tone = np.linspace(0, 1, 256)[None, :] ** gamma
    table = np.clip((tone - 0.5) * gain + 0.5 + offset, 0, 1).astype(np.float32)
    rows = np.arange(len(pictures))[:, None, None]
    return torch.from_numpy(table[rows, pictures]).unsqueeze(1)


def add_shading(x: Tensor, settings: Augmentation, rng: np.random.Generator) -> Tensor:
    """Multiply by a field that varies slowly, as collimation, heel effect and vignetting do."""
    n = x.shape[0]
    coarse = rng.uniform(-settings.shading, settings.shading, (n, 1, 3, 3)) * _chosen(n, settings.shading_chance, rng)
    field = functional.interpolate(torch.from_numpy(coarse).float(), x.shape[-2:], mode="bicubic", align_corners=True)
    return x * (1 + field)


def exchange_surroundings(x: Tensor, settings: Augmentation, rng: np.random.Generator) -> Tensor:
    """Give some pictures the surroundings of another one of the batch, so that only the middle tells the class.

    The middle is an oval of random size that holds the organ; abdomen, neck, arms and margins lie outside and come from
    a picture of any class. For organs that fill the middle of every picture, as lungs do in chest radiographs.

    References
    ----------
    After Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features", ICCV
    2019; here the middle keeps its label.
    """
    if not settings.exchange_chance:
        return x
    n, _, rows, columns = x.shape
    chosen, other = rng.random(n) < settings.exchange_chance, rng.permutation(n)
    height, width = (rng.uniform(*settings.exchange_kept, (n, 1, 1, 1)) for _ in range(2))
    down = np.linspace(-1, 1, rows)[:, None] - rng.uniform(-0.1, 0.04, (n, 1, 1, 1))
    across = np.linspace(-1, 1, columns)[None, :] - rng.uniform(-0.05, 0.05, (n, 1, 1, 1))
    distance = ((down / height) ** 4 + (across / width) ** 4) ** 0.25
    own = np.clip((1 - distance) / EXCHANGE_EDGE + 0.5, 0, 1)
    own[~chosen] = 1
    share = torch.from_numpy(own.astype(np.float32))
    return x * share + x[torch.from_numpy(other)] * (1 - share)


# ── Framing ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Placement:
    """Which part of a picture is seen; arrays of (N,): kept shares, centre (−1 to 1), angle in radians, mirrored."""

    kept_rows: NDArray[np.float64]
    kept_columns: NDArray[np.float64]
    centre_row: NDArray[np.float64]
    centre_column: NDArray[np.float64]
    angle: NDArray[np.float64]
    mirrored: NDArray[np.bool_]


def draw_placement(
    n: int, settings: Augmentation, rng: np.random.Generator, *, elongation: NDArray[np.float64] | None = None
) -> Placement:
    """Draw a part for each of `n` pictures; a part smaller than the picture lies anywhere within it.

    `elongation`, (N,), is added to the logarithm of how much taller than wide contents become.
    """
    ratio = rng.uniform(-settings.stretch, settings.stretch, n) + (0.0 if elongation is None else elongation)
    zoom = np.minimum(rng.uniform(*settings.kept, n), MOST_KEPT / np.exp(np.abs(ratio) / 2))
    rows, columns = zoom * np.exp(-ratio / 2), zoom * np.exp(ratio / 2)
    slack_row, slack_column = np.maximum(1 - rows, 0), np.maximum(1 - columns, 0)
    limit = np.deg2rad(settings.rotation_degrees)
    return Placement(
        kept_rows=rows,
        kept_columns=columns,
        centre_row=rng.uniform(-1, 1, n) * slack_row + 2 * rng.uniform(-settings.shift, settings.shift, n),
        centre_column=rng.uniform(-1, 1, n) * slack_column + 2 * rng.uniform(-settings.shift, settings.shift, n),
        angle=rng.uniform(-limit, limit, n),
        mirrored=rng.random(n) < settings.flip_chance,
    )


def reframe(x: Tensor, *, size: tuple[int, int], placement: Placement) -> Tensor:
    """Resample each picture so that its placement fills `size`; outside the picture is black."""
    cos, sin = np.cos(placement.angle), np.sin(placement.angle)
    across = np.where(placement.mirrored, -placement.kept_columns, placement.kept_columns)
    matrix = np.stack(
        [
            np.stack([cos * across, -sin * placement.kept_rows, placement.centre_column], axis=1),
            np.stack([sin * across, cos * placement.kept_rows, placement.centre_row], axis=1),
        ],
        axis=1,
    )
    grid = functional.affine_grid(torch.from_numpy(matrix).float(), [x.shape[0], 1, *size], align_corners=False)
    return functional.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


# ── Sharpness, noise, compression ─────────────────────────────────────────────────────────────────────────────────


def lose_resolution(x: Tensor, settings: Augmentation, rng: np.random.Generator) -> Tensor:
    """Shrink some pictures and enlarge them again, each by its own factor."""
    for index in np.flatnonzero(rng.random(x.shape[0]) < settings.resolution_chance):
        x[index] = resample(x[index : index + 1], share=float(rng.uniform(*settings.resolution)))[0]
    return x


def resample(x: Tensor, *, share: float) -> Tensor:
    """Shrink to `share` of the side, antialiased, and enlarge to the size it had."""
    small = [max(8, round(side * share)) for side in x.shape[-2:]]
    shrunk = functional.interpolate(x, small, mode="bilinear", antialias=True)
    return functional.interpolate(shrunk, x.shape[-2:], mode="bilinear", align_corners=False)


def change_sharpness(x: Tensor, settings: Augmentation, rng: np.random.Generator) -> Tensor:
    """Blur or sharpen by an unsharp mask of random strength."""
    n = x.shape[0]
    strength = rng.uniform(*settings.sharpness, (n, 1, 1, 1)) * _chosen(n, settings.sharpness_chance, rng)
    return unsharp_mask(x, strength=torch.from_numpy(strength).float())


def unsharp_mask(x: Tensor, *, strength: Tensor | float) -> Tensor:
    """Return `x + strength · (x − blurred)`; −1 is the blurred picture itself."""
    blurred = functional.avg_pool2d(functional.pad(x, (2, 2, 2, 2), mode="replicate"), 3, stride=1)
    blurred = functional.avg_pool2d(blurred, 3, stride=1)
    return x + strength * (x - blurred)


def add_noise(x: Tensor, settings: Augmentation, rng: np.random.Generator) -> Tensor:
    """Add white noise of random strength."""
    n = x.shape[0]
    strength = rng.uniform(0, settings.noise, (n, 1, 1, 1)) * _chosen(n, settings.noise_chance, rng)
    noise = rng.standard_normal(tuple(x.shape), dtype=np.float32)
    return x + torch.from_numpy(noise * strength.astype(np.float32))


def compress(x: Tensor, settings: Augmentation, rng: np.random.Generator) -> Tensor:
    """Send some pictures through JPEG at a random quality."""
    low, high = settings.jpeg_quality
    for index in np.flatnonzero(rng.random(x.shape[0]) < settings.jpeg_chance):
        x[index, 0] = through_jpeg(x[index, 0], quality=int(rng.integers(low, high + 1)))
    return x


def through_jpeg(picture: Tensor, *, quality: int) -> Tensor:
    """Encode one picture, (rows, columns) of 0 to 1, as 8-bit JPEG and decode it."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray((picture.numpy() * 255 + 0.5).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    return torch.from_numpy(np.asarray(Image.open(buffer), dtype=np.float32) / 255)


# ── Marks on the film ─────────────────────────────────────────────────────────────────────────────────────────────


def paint_markers(x: Tensor, settings: Augmentation, rng: np.random.Generator) -> Tensor:
    """Paint a side marker somewhere in the outer fifth of some pictures."""
    for index in np.flatnonzero(rng.random(x.shape[0]) < settings.marker_chance):
        glyph = _draw_glyph(rng, side=x.shape[-1])
        top, left = _place_at_edge(glyph.shape, x.shape[-2:], rng)
        patch = x[index, 0, top : top + glyph.shape[0], left : left + glyph.shape[1]]
        torch.maximum(patch, glyph * float(rng.uniform(0.6, 1.0)), out=patch)
    return x


def erase_patches(x: Tensor, settings: Augmentation, rng: np.random.Generator) -> Tensor:
    """Cover a rectangle of some pictures with one gray (Zhong et al., Random erasing, AAAI 2020)."""
    rows, columns = x.shape[-2:]
    for index in np.flatnonzero(rng.random(x.shape[0]) < settings.erase_chance):
        height, width = (rng.uniform(0.06, 0.22, 2) * (rows, columns)).astype(int)
        top, left = rng.integers(0, rows - height), rng.integers(0, columns - width)
        x[index, 0, top : top + height, left : left + width] = float(rng.uniform(0, 1))
    return x


def _draw_glyph(rng: np.random.Generator, *, side: int) -> Tensor:
    text = ("R", "L", "A-P", "AP", "PA", "P", "SUPINE", "ERECT")[rng.integers(8)]
    height = max(6, round(side * rng.uniform(0.04, 0.12)))
    return torch.from_numpy(_glyph(text, height))


@lru_cache(maxsize=512)
def _glyph(text: str, height: int) -> NDArray[np.float32]:
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(height)
    left, top, right, bottom = font.getbbox(text)
    picture = Image.new("L", (int(right - left), int(bottom - top)))
    ImageDraw.Draw(picture).text((-left, -top), text, fill=255, font=font)
    return np.asarray(picture, dtype=np.float32) / np.float32(255)


def _place_at_edge(glyph: Sequence[int], picture: Sequence[int], rng: np.random.Generator) -> tuple[int, int]:
    room = [max(outer - inner, 1) for inner, outer in zip(glyph, picture, strict=True)]
    place = [int(rng.integers(0, free)) for free in room]
    axis = int(rng.integers(2))
    near = int(rng.integers(0, max(1, room[axis] // 5)))
    place[axis] = near if rng.random() < 0.5 else room[axis] - 1 - near
    return place[0], place[1]


def _chosen(n: int, chance: float, rng: np.random.Generator) -> NDArray[np.float64]:
    return (rng.random((n, 1, 1, 1)) < chance).astype(np.float64)
