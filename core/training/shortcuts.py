"""How much of the classes could be told without looking at the anatomy.

Where proportions, exposure or sharpness of the files differ between the classes, a network may learn that difference.
These few numbers say how strong the temptation is; augmentation and the stress conditions are there to resist it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.evaluation import auroc

Values = NDArray[np.float64]

FOLDS = 5


def trivial_features(pixels: NDArray[np.uint8], shapes: NDArray[np.int64], files: list[Path]) -> dict[str, Values]:
    """Measure what has nothing to do with anatomy.

    Parameters
    ----------
    pixels : ndarray of uint8, (N, rows, columns)
        After the model's own scaling of brightness.
    shapes : ndarray of int, (N, 2)
        Rows and columns of the files.
    """
    rows, columns = shapes.T
    is_square = rows == columns
    picture = np.array([_of_picture(one) for one in pixels])
    return {
        "file is square": is_square.astype(np.float64),
        "proportions (width / height) of the files that are not square": np.where(is_square, np.nan, columns / rows),
        "number of pixels": (rows * columns).astype(np.float64),
        "bytes per pixel": np.array([file.stat().st_size for file in files]) / (rows * columns),
        "mean brightness": picture[:, 0],
        "contrast": picture[:, 1],
        "brightness of the border": picture[:, 2],
        "sharpness": picture[:, 3],
    }


def _of_picture(picture: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    values = picture.astype(np.float32)
    rim = max(1, min(values.shape) // 32)
    inner = values[rim:-rim, rim:-rim]
    border = (values.sum() - inner.sum()) / (values.size - inner.size)
    return values.mean(), values.std(), border, np.abs(np.diff(values, 2, axis=0)).mean()


def feature_aurocs(truth: Values, features: Mapping[str, Values]) -> dict[str, float]:
    """Return how well each feature alone tells the classes, in whichever direction: 0.5 to 1; NaN is left out."""
    areas = {name: auroc(truth[known], values[known]) for name, values, known in _with_known(features)}
    return {name: max(area, 1 - area) for name, area in areas.items()}


def _with_known(features: Mapping[str, Values]) -> Iterator[tuple[str, Values, NDArray[np.bool_]]]:
    for name, values in features.items():
        yield name, values, ~np.isnan(values)


def joint_auroc(truth: Values, features: Mapping[str, Values], groups: NDArray[np.int64], *, seed: int) -> float:
    """Return how well all features together tell the classes, by boosted trees in five folds of whole patients.

    0.5 where no feature differs between pictures; NaN where there are too few patients to leave some out.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    differing = [values for values in features.values() if len(np.unique(values[~np.isnan(values)])) > 1]
    if not differing:
        return 0.5
    if min(len(np.unique(groups[truth == value])) for value in (0, 1)) < FOLDS:
        return math.nan
    model = HistGradientBoostingClassifier(max_iter=100, random_state=seed)
    folds = StratifiedGroupKFold(FOLDS)
    score = cross_val_predict(model, np.column_stack(differing), truth, groups=groups, cv=folds, method="predict_proba")
    return auroc(truth, score[:, 1])


def elongation_offsets(shapes: NDArray[np.int64], strata: NDArray[np.int64], chosen: NDArray[np.int64]) -> Values:
    """Return, for each picture, how much to stretch its class so that no class looks taller than another.

    Where pictures are squashed to a square, a wide one shows long lungs and a tall one short lungs, so that the
    proportions of a class become a shape that a network can learn. The offset is the logarithm by which the mean
    proportions of a class differ from those of all classes; square files, which may have been squashed before they
    came here, say nothing about it and are left out.

    Parameters
    ----------
    shapes : ndarray of int, (N, 2)
    strata : ndarray of int, (N,)
        Class of each picture.
    chosen : ndarray of int
        Indices of the pictures to measure: those of training.

    Returns
    -------
    ndarray, (N,)
        Positive: make taller. 0 for a class of which every file is square.
    """
    proportion = np.log(shapes[:, 1] / shapes[:, 0])
    usable = np.isin(np.arange(len(shapes)), chosen) & (shapes[:, 0] != shapes[:, 1])
    classes = np.unique(strata)
    means = np.array([_mean_or_nan(proportion[usable & (strata == one)]) for one in classes])
    if np.isnan(means).all():
        return np.zeros(len(shapes))
    offset = np.nan_to_num(np.nanmean(means) - means)
    return np.asarray(offset[np.searchsorted(classes, strata)], dtype=np.float64)


def _mean_or_nan(values: Values) -> float:
    return float(values.mean()) if len(values) else float("nan")
