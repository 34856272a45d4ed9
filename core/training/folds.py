"""Networks that answer together and were each trained without another fold of the pictures.

Where pictures are few, a validation part of its own is too small to calibrate on, and what lies in it is missing in
training. With folds every picture of training and validation is learnt from by all networks but one, and that one
answers it for calibration and operating points:

    network 1   validation │ training · · · · · · · · · · · ·      fold 1 is the validation part
    network 2   training · │ fold 2 │ training · · · · · · ·       folds 2, 3 … are drawn from the training part
    network 3   training · · · · · ·│ fold 3 │ training · · ·

The test part is seen by none of them.

References
----------
Krogh and Vedelsby, "Neural network ensembles, cross validation, and active learning", NeurIPS 1995.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.models.ensemble import Ensemble
from core.models.network import Network
from core.training.config import TrainingConfig
from core.training.material import Indices, Material
from core.training.preparation import Prepared
from core.training.split import draw_folds


def material_of_members(config: TrainingConfig, prepared: Prepared) -> tuple[Material, ...]:
    """Return what each member learns from and is watched on: the same for all, or with folds another part each."""
    material = prepared.material
    if not config.folds:
        return (material,) * config.members
    known = np.concatenate([material.training, material.validation])
    return tuple(
        replace(material, training=np.setdiff1d(known, fold), validation=fold) for fold in _folds(config, prepared)
    )


def _folds(config: TrainingConfig, prepared: Prepared) -> tuple[Indices, ...]:
    """Return the pictures of each fold: those of validation, then those drawn from training, by patient."""
    training = prepared.material.training
    strata = [prepared.classes[number] for number in prepared.material.strata[training]]
    drawn = draw_folds(prepared.division.group[training], strata, folds=config.members - 1, seed=config.seed)
    return (prepared.material.validation, *(training[drawn == number] for number in range(config.members - 1)))


def judges(config: TrainingConfig, prepared: Prepared, network: Network) -> tuple[tuple[Network, Material], ...]:
    """Return who answers which validation pictures: with folds each member its own, else all together the same."""
    if not config.folds:
        return ((network, prepared.material),)
    assert isinstance(network, Ensemble)
    return tuple(zip(network.members, material_of_members(config, prepared), strict=True))
