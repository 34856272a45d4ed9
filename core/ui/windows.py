"""The windows that can be chosen for an image: the file's own, automatic ones, and those that readers know by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from core.domain import Acquisition, Image, Voi, VoiLut, WindowLevel
from core.reports.wording import number_in_words
from core.windowing import automatic_window, full_range_window, is_usable, presets_for, value_range

MANUAL = "Manual"
AUTOMATIC = "Automatic"
FULL_RANGE = "Full range"


def window_choices(image: Image, acquisition: Acquisition) -> Mapping[str, Callable[[], Voi]]:
    """List the windows for an image by name, the one it is first shown with at the head.

    The windows are made when they are asked for: an automatic one looks at the pixels.
    """
    stored = [voi for voi in image.voi if is_usable(voi)]
    choices: dict[str, Callable[[], Voi]] = {}
    for number, voi in enumerate(stored, start=1):
        choices[_unused_name(_stored_name(voi, number), choices)] = partial(_same, voi)
    choices[AUTOMATIC] = partial(automatic_window, image)
    choices[FULL_RANGE] = partial(full_range_window, image)
    for preset in presets_for(acquisition.modality, acquisition.body_part_examined):
        choices[f"{preset.name} {preset.window.width:g}/{preset.window.center:g}"] = partial(_same, preset.window)
    return choices


def slider_bounds(image: Image, window: WindowLevel, known: tuple[float, float] | None = None) -> tuple[float, float]:
    """Return where a slider for the centre begins and ends: all values of the image, and the window's centre.

    Parameters
    ----------
    image : Image
    window : WindowLevel
    known : (low, high), optional
        Bounds so far: they only grow, so that a slider stays where it is while slices are scrolled.
    """
    low, high = value_range(image)
    if not high > low:
        low, high = window.center - 1.0, window.center + 1.0
    ends = [low, high, window.center, *(known or ())]
    return min(ends), max(ends)


def slider_step(bounds: tuple[float, float]) -> float:
    """Return the step of the window's sliders: 1 where the values are many, finer where they are fractions."""
    extent = bounds[1] - bounds[0]
    return 1.0 if extent >= 100 else extent / 200


def _stored_name(voi: Voi, number: int) -> str:
    if isinstance(voi, VoiLut):
        return f"File: {voi.explanation or f'VOI LUT {number}'}"
    return f"File: {voi.explanation or f'window {number}'} {number_in_words(voi.width)}/{number_in_words(voi.center)}"


def _unused_name(name: str, taken: Mapping[str, object]) -> str:
    number, unused = 2, name
    while unused in taken:
        unused, number = f"{name} ({number})", number + 1
    return unused


def _same(voi: Voi) -> Voi:
    return voi
