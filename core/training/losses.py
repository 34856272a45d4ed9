"""What training makes small: cross-entropy or focal loss, with or without weights for rare classes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional


def loss_of(
    answer: Tensor,
    targets: Tensor,
    *,
    activation: str,
    smoothing: float = 0.0,
    focal_gamma: float = 0.0,
    weights: Tensor | None = None,
) -> Tensor:
    """Return the mean loss of a batch.

    Parameters
    ----------
    answer : Tensor, (N, labels)
        Of the network, before sigmoid or softmax.
    targets : Tensor, (N, labels)
        0 to 1.
    activation : {"sigmoid", "softmax"}
        Independent labels, or labels that exclude each other.
    smoothing : float
        Targets are moved this far towards indifference.
    focal_gamma : float
        Exponent of the focal loss [1]_, which lets cases that are called right already count less; 0 is cross-entropy.
    weights : Tensor or None
        See `balanced_weights`.

    References
    ----------
    .. [1] Lin et al., "Focal loss for dense object detection", ICCV 2017, equation 5.
    """
    if activation == "softmax":
        return _exclusive(answer, targets, smoothing=smoothing, focal_gamma=focal_gamma, weights=weights)
    aimed = targets * (1 - smoothing) + smoothing / 2
    return _independent(answer, aimed, focal_gamma=focal_gamma, weights=weights)


def _exclusive(
    answer: Tensor, targets: Tensor, *, smoothing: float, focal_gamma: float, weights: Tensor | None
) -> Tensor:
    if not focal_gamma:
        return functional.cross_entropy(answer, targets, weight=weights, label_smoothing=smoothing)
    aimed = targets * (1 - smoothing) + smoothing / targets.shape[1]
    log_share = functional.log_softmax(answer, dim=1)
    # At 0 the slope of a root is infinite.
    missed = (1 - log_share.exp()).clamp_min(1e-6) ** focal_gamma
    terms = -aimed * missed * log_share
    return (terms if weights is None else terms * weights).sum(dim=1).mean()


def _independent(answer: Tensor, aimed: Tensor, *, focal_gamma: float, weights: Tensor | None) -> Tensor:
    if not focal_gamma and weights is None:
        return functional.binary_cross_entropy_with_logits(answer, aimed)
    log_with, log_without = functional.logsigmoid(answer), functional.logsigmoid(-answer)
    with_label = -aimed * torch.exp(focal_gamma * log_without) * log_with
    without_label = -(1 - aimed) * torch.exp(focal_gamma * log_with) * log_without
    if weights is None:
        return (with_label + without_label).mean()
    return (weights[1] * with_label + weights[0] * without_label).mean()


def balanced_weights(targets: NDArray[np.float64], *, activation: str) -> Tensor:
    """Return weights that let every class count as much as any other, whatever their numbers; their mean is 1.

    Parameters
    ----------
    targets : ndarray, (N, labels)
        Of the training pictures: 0 or 1.

    Returns
    -------
    Tensor of float32
        For labels that exclude each other one for each label, (labels,): N / (labels · cases with it). Else (2,
        labels), for the cases without and with each label: N / (2 · cases of that kind).
    """
    with_label = targets.sum(axis=0)
    counts = with_label if activation == "softmax" else np.stack([len(targets) - with_label, with_label])
    weights = len(targets) / (len(counts) * np.maximum(counts, 1))
    return torch.from_numpy(weights).float()
