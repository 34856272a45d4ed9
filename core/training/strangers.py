"""Pictures of nobody: noise, gradients, patterns and pages of text, to see whether a gate refuses them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

SIDE = 256
EACH = 25

Picture = NDArray[np.uint8]


def strangers(*, seed: int) -> Mapping[str, NDArray[np.uint8]]:
    """Return `EACH` pictures of every kind, each (EACH, SIDE, SIDE)."""
    makers: Mapping[str, Callable[[np.random.Generator], Picture]] = {
        "white noise": white_noise,
        "clouds": clouds,
        "gradients": gradient,
        "stripes and checkers": pattern,
        "pages of text": page,
        "screens": screen,
    }
    return {
        name: np.stack([make(np.random.default_rng([seed, number, index])) for index in range(EACH)])
        for number, (name, make) in enumerate(makers.items())
    }


def white_noise(rng: np.random.Generator) -> Picture:
    """Draw every cell by itself; cells are 1, 2 or 4 pixels wide."""
    cell = int(rng.choice([1, 2, 4]))
    return enlarged(rng.integers(0, 256, (SIDE // cell, SIDE // cell)), cell)


def clouds(rng: np.random.Generator) -> Picture:
    """Draw noise whose strength falls with the frequency, as in natural pictures."""
    rows, columns = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None]
    frequency = np.maximum(np.hypot(rows, columns), 1 / SIDE)
    spectrum = np.fft.rfft2(rng.normal(size=(SIDE, SIDE))) / frequency ** rng.uniform(0.8, 2.5)
    return stretched(np.fft.irfft2(spectrum, s=(SIDE, SIDE)))


def gradient(rng: np.random.Generator) -> Picture:
    """Draw a straight or a round gradient."""
    rows, columns = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    angle, centre = rng.uniform(0, 2 * np.pi), rng.uniform(-0.8, 0.8, 2)
    straight = np.cos(angle) * rows + np.sin(angle) * columns
    return stretched(straight if rng.random() < 0.5 else np.hypot(rows - centre[0], columns - centre[1]))


def pattern(rng: np.random.Generator) -> Picture:
    """Draw stripes of any direction, or a checkerboard."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    if rng.random() < 0.5:
        cell = int(rng.integers(3, 40))
        return stretched((rows // cell + columns // cell) % 2)
    angle = rng.uniform(0, np.pi)
    return stretched(np.sin((np.cos(angle) * rows + np.sin(angle) * columns) * 2 * np.pi / rng.uniform(4, 60)))


def page(rng: np.random.Generator) -> Picture:
    """Write lines of random letters, dark on bright or bright on dark."""
    from PIL import Image, ImageDraw, ImageFont

    sheet = Image.new("L", (SIDE, SIDE), 255)
    size = int(rng.integers(9, 22))
    for top in range(10, SIDE - size, int(1.6 * size)):
        letters = rng.choice(list("abcdefghijklmnopqrstuvwxyz      "), rng.integers(8, 60))
        ImageDraw.Draw(sheet).text((10, top), "".join(letters), fill=0, font=ImageFont.load_default(size))
    letters_dark = np.asarray(sheet, dtype=np.uint8)
    return letters_dark if rng.random() < 0.5 else np.asarray(255 - letters_dark, dtype=np.uint8)


def screen(rng: np.random.Generator) -> Picture:
    """Draw the windows of a desktop: flat rectangles with a page of text in one of them."""
    desktop = np.full((SIDE, SIDE), rng.integers(0, 256), dtype=np.uint8)
    for _ in range(int(rng.integers(3, 9))):
        top, left = rng.integers(0, SIDE - 40, 2)
        height, width = rng.integers(20, SIDE // 2, 2)
        desktop[top : top + height, left : left + width] = rng.integers(0, 256)
    window = page(rng)
    top, left = rng.integers(0, SIDE // 3, 2)
    desktop[top : top + SIDE // 2, left : left + SIDE // 2] = window[: SIDE // 2, : SIDE // 2]
    return desktop


def enlarged(values: NDArray[np.int64], factor: int) -> Picture:
    """Repeat every value in a square of `factor` × `factor` pixels."""
    return np.asarray(np.kron(values, np.ones((factor, factor), dtype=np.int64)), dtype=np.uint8)


def stretched(values: NDArray[np.floating] | NDArray[np.integer]) -> Picture:
    """Spread values over 0 to 255."""
    low, high = float(values.min()), float(values.max())
    return np.asarray(np.rint((values - low) * (255 / (high - low))), dtype=np.uint8)
