"""Which part of an image is shown, on which grid, and a heatmap on that same grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from core.domain import Explanation, Extent, Spacing
from core.overlay.picture import Picture


def whole_image(shape: tuple[int, int]) -> Extent:
    """Return the region that is all of an image."""
    return Extent(0.0, 0.0, float(shape[0]), float(shape[1]))


def zoomed_region(shape: tuple[int, int], *, zoom: float, centre: tuple[float, float] | None = None) -> Extent:
    """Return the part of an image that a zoom shows, moved so that it stays inside.

    Parameters
    ----------
    shape : (rows, columns)
        Of the image.
    zoom : float
        1 for the whole image, 2 for half its height and width; at least 1.
    centre : (row, column), optional
        What to look at, in the image's coordinates; its middle when left out.
    """
    height, width = shape[0] / max(zoom, 1.0), shape[1] / max(zoom, 1.0)
    row, column = centre if centre is not None else (shape[0] / 2, shape[1] / 2)
    top = min(max(row - height / 2, 0.0), shape[0] - height)
    left = min(max(column - width / 2, 0.0), shape[1] - width)
    return Extent(top, left, top + height, left + width)


def crop_and_scale(
    picture: Picture,
    *,
    region: Extent | None = None,
    max_side: int | None = None,
    enlarge: bool = False,
    spacing: Spacing | None = None,
) -> Picture:
    """Cut a region out of a picture and bring it to the size of the screen.

    Parameters
    ----------
    picture : ndarray of uint8
        (rows, columns) or (rows, columns, 3).
    region : Extent, optional
        Inside the picture, need not lie on whole pixels; all of it when left out.
    max_side : int, optional
        The longer side of the result is no longer than this.
    enlarge : bool
        Bring the longer side to `max_side` where it is shorter.
    spacing : Spacing, optional
        Of the picture: pixels that are not square become so.

    Returns
    -------
    ndarray of uint8
        Gray or colour as the input; antialiased where reduced.

    Raises
    ------
    ValueError
        The region is empty or reaches over the edge of the picture.
    """
    region = region or whole_image(picture.shape[:2])
    _check_inside(region, picture.shape[:2])
    rows, columns = _shown_shape(region, max_side=max_side, enlarge=enlarge, spacing=spacing)
    if region == whole_image(picture.shape[:2]) and (rows, columns) == picture.shape[:2]:
        return picture
    box = (region.left, region.top, region.right, region.bottom)
    smaller = rows < region.bottom - region.top
    method = Pillow.Resampling.HAMMING if smaller else Pillow.Resampling.BICUBIC
    return np.asarray(Pillow.fromarray(picture).resize((columns, rows), method, box=box))


def _check_inside(region: Extent, shape: tuple[int, int]) -> None:
    rows_inside = 0 <= region.top < region.bottom <= shape[0]
    columns_inside = 0 <= region.left < region.right <= shape[1]
    if not (rows_inside and columns_inside):
        raise ValueError(f"{region} is empty or reaches over the edge of a picture of {shape}")


def _shown_shape(region: Extent, *, max_side: int | None, enlarge: bool, spacing: Spacing | None) -> tuple[int, int]:
    height, width = region.bottom - region.top, region.right - region.left
    if spacing is not None:
        # The finer of the two directions keeps its pixels, the other one gets more.
        finest = min(spacing.row_mm, spacing.column_mm)
        height, width = height * spacing.row_mm / finest, width * spacing.column_mm / finest
    longer = max(height, width)
    scale = 1.0 if max_side is None or (longer <= max_side and not enlarge) else max_side / longer
    return max(1, round(height * scale)), max(1, round(width * scale))


def heatmap_on_grid(
    explanation: Explanation, shape: tuple[int, int], *, region: Extent | None = None
) -> NDArray[np.float32]:
    """Interpolate a heatmap onto the grid of an image or of a view of it.

    Bilinear between the places where the cells look; from the outermost centres to the edge of the extent the outermost
    values go on.

    Parameters
    ----------
    explanation : Explanation
    shape : (rows, columns)
        Of the grid.
    region : Extent, optional
        The part of the image that the grid covers. When left out, the grid is the image's own.

    Returns
    -------
    ndarray of float32, (rows, columns)
        In the heatmap's unit and on its scale. NaN where the grid lies outside the heatmap's extent: the model has
        not seen that part.
    """
    heatmap, extent = explanation.heatmap, explanation.extent
    down, right = explanation.centre_shift
    region = region or whole_image(shape)
    row = _cell_position(shape[0], (region.top, region.bottom), (extent.top, extent.bottom), heatmap.shape[0], down)
    column = _cell_position(shape[1], (region.left, region.right), (extent.left, extent.right), heatmap.shape[1], right)
    on_columns = _between_neighbours(heatmap.astype(np.float32).T, column)
    return _between_neighbours(np.ascontiguousarray(on_columns.T), row)


def _cell_position(
    count: int, region: tuple[float, float], extent: tuple[float, float], cells: int, shift: float
) -> NDArray[np.float64]:
    """Return where the centres of `count` grid lines lie, counted in cells from the first cell's centre."""
    centre = region[0] + (np.arange(count) + 0.5) * (region[1] - region[0]) / count
    position = (centre - extent[0]) * cells / (extent[1] - extent[0]) - 0.5 - shift
    position[(centre < extent[0]) | (centre > extent[1])] = np.nan
    return position


def _between_neighbours(values: NDArray[np.float32], position: NDArray[np.float64]) -> NDArray[np.float32]:
    """Interpolate the rows of `values` linearly at fractional row numbers; NaN at NaN."""
    inside = np.clip(np.nan_to_num(position), 0, len(values) - 1)
    before = inside.astype(np.intp)
    after = np.minimum(before + 1, len(values) - 1)
    weight = (inside - before).astype(np.float32)[:, None]
    between: NDArray[np.float32] = values[before] + (values[after] - values[before]) * weight
    between[np.isnan(position)] = np.nan
    return between
