"""The heat that the test page lays over an image."""

from __future__ import annotations

import numpy as np

from core.domain import Explanation, Extent

ROW, COLUMN = np.mgrid[0:7, 0:7]
BLOB = (3 * np.exp(-((ROW - 2) ** 2 + (COLUMN - 4) ** 2) / 3) - 0.3).astype(np.float32)


def heat_over(shape: tuple[int, int], *, label: str = "Opacity", upside_down: bool = False) -> Explanation:
    """Return a blob of heat, a little above and to the right of an image's middle."""
    heatmap = BLOB[::-1].copy() if upside_down else BLOB
    return Explanation(label, "CAM", heatmap, Extent(0, 0, *shape), "logit")
