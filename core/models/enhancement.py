"""Steps that bring out what a network is to see: contrast, noise and shading. `InputSpec.enhance` names them.

Each takes a gray picture of 0–1 at the network's size, in the polarity of MONOCHROME2 and without the bars that fill
the canvas, and returns such a picture. Their settings are constants: a model that was trained with a step relies on
them, so to change one is to change every such model.

SimpleITK's filters run on one thread, so that the same image gives the same numbers on every machine. Only CLAHE is
OpenCV's: ITK's adaptive equalisation has no limit of contrast, and takes 1 s for 224² pixels instead of 1 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain import Enhancement

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]

CLAHE_TILES = 8
"""Tiles along each side."""
CLAHE_LIMIT = 2.0
"""How many times the mean of a tile's histogram a bin may reach."""

MEDIAN_RADIUS_PX = 1

FLOW_STEP, FLOW_STEPS = 0.125, 5
"""Time step, the largest that is stable in two dimensions, and number of steps."""

N4_SIDE_PX = 64
"""The shading is estimated on a picture of at most this side: it is smooth, and takes an eighth of the time."""
N4_ITERATIONS = (20, 20, 20)
N4_MIN_TISSUE_PX = 64
"""Fewer pixels of tissue than these, of the reduced picture, are too few to tell shading from anatomy."""


def enhance(picture: Picture, steps: Sequence[Enhancement], *, inside: Mask | None = None) -> Picture:
    """Apply the steps in their order.

    Parameters
    ----------
    picture : ndarray of float32, (rows, columns)
        0 to 1.
    inside : ndarray of bool, (rows, columns), optional
        Where the picture is, if not everywhere.

    Returns
    -------
    ndarray of float32, (rows, columns)
        0 to 1.
    """
    within = np.ones(picture.shape, dtype=np.bool_) if inside is None else inside
    for step in steps:
        picture = _STEPS[step](picture, within).clip(0, 1)
    return picture


def equalise(picture: Picture, _inside: Mask) -> Picture:
    """Equalise the histogram of each tile, with limited contrast (CLAHE).

    The picture is given in 8 bits: of 16, a tile would have far fewer pixels than values, and nothing to equalise.

    References
    ----------
    .. [1] Zuiderveld, "Contrast limited adaptive histogram equalization", Graphics Gems IV, 1994.
    """
    import cv2

    equaliser = cv2.createCLAHE(clipLimit=CLAHE_LIMIT, tileGridSize=(CLAHE_TILES, CLAHE_TILES))
    equalised = equaliser.apply(np.rint(picture * 255).astype(np.uint8))
    return np.asarray(equalised, dtype=np.float32) / np.float32(255)


def median(picture: Picture, _inside: Mask) -> Picture:
    """Replace each pixel by the median of its neighbourhood: takes away specks, keeps edges."""
    neighbourhood = _simpleitk().MedianImageFilter()
    neighbourhood.SetRadius(MEDIAN_RADIUS_PX)
    return _filtered(neighbourhood, picture)


def curvature_flow(picture: Picture, _inside: Mask) -> Picture:
    """Let contours shrink in proportion to their curvature: smooths noise along edges and not across them.

    References
    ----------
    .. [1] Malladi, Sethian, "Image processing via level set curvature flow", PNAS 92, 1995.
    """
    flow = _simpleitk().CurvatureFlowImageFilter()
    flow.SetTimeStep(FLOW_STEP)
    flow.SetNumberOfIterations(FLOW_STEPS)
    return _filtered(flow, picture)


def correct_shading(picture: Picture, inside: Mask) -> Picture:
    """Divide by the smooth field that makes the same tissue brighter near a coil (N4); its mean brightness stays.

    A picture that shows hardly any tissue, as the outermost slices do, has no shading to correct and stays as it is.

    References
    ----------
    .. [1] Tustison et al., "N4ITK: improved N3 bias correction", IEEE Transactions on Medical Imaging 29, 2010.
    """
    tissue = _tissue(picture) & inside
    field = _shading(picture, tissue)
    if field is None:
        return picture
    # Outside of the tissue the field is extrapolated, and would lift the noise of the air without limit.
    corrected = picture / np.exp(field.clip(field[tissue].min(), field[tissue].max()))
    scaled: Picture = corrected * np.float32(picture[tissue].mean() / corrected[tissue].mean())
    return scaled


def _tissue(picture: Picture) -> Mask:
    """Return where the picture is brighter than Otsu's threshold between it and the air."""
    itk = _simpleitk()
    threshold = itk.OtsuThresholdImageFilter()
    threshold.SetInsideValue(0)
    threshold.SetOutsideValue(1)
    threshold.SetNumberOfHistogramBins(200)
    threshold.SetNumberOfThreads(1)
    return np.asarray(itk.GetArrayFromImage(threshold.Execute(itk.GetImageFromArray(picture))) > 0)


def _shading(picture: Picture, tissue: Mask) -> Picture | None:
    """Return the logarithm of the field, (rows, columns); None where there is too little tissue."""
    itk = _simpleitk()
    whole, mask = itk.GetImageFromArray(picture), itk.GetImageFromArray(tissue.astype(np.uint8))
    factor = [-(-max(picture.shape) // N4_SIDE_PX)] * 2
    reduced, reduced_mask = itk.Shrink(whole, factor), itk.Shrink(mask, factor)
    if itk.GetArrayViewFromImage(reduced_mask).sum() < N4_MIN_TISSUE_PX:
        return None
    n4 = itk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations(N4_ITERATIONS)
    n4.SetNumberOfThreads(1)
    n4.Execute(reduced, reduced_mask)
    return np.asarray(itk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(whole)), dtype=np.float32)


def _filtered(itk_filter: Any, picture: Picture) -> Picture:
    itk = _simpleitk()
    itk_filter.SetNumberOfThreads(1)
    result = itk_filter.Execute(itk.GetImageFromArray(picture))
    return np.asarray(itk.GetArrayFromImage(result), dtype=np.float32)


def _simpleitk() -> Any:
    """Return the library, which is loaded only for models that ask for it."""
    import SimpleITK

    return SimpleITK


_STEPS: Mapping[Enhancement, Callable[[Picture, Mask], Picture]] = {
    "clahe": equalise,
    "median": median,
    "curvature-flow": curvature_flow,
    "n4": correct_shading,
}
