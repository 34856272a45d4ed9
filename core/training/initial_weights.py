"""What a network starts from: random numbers, a file, or torchvision's own weights."""

from __future__ import annotations

import contextlib
import hashlib
import re
import sys
from pathlib import Path
from pickle import UnpicklingError

import torch
import torchvision
from torch import Tensor

from core.errors import ModelError
from core.models.importing.layout import fitted
from core.models.network import Network, adopt_weights, build_network, load_backbone

TORCHVISION = Path("torchvision")
"""In place of a file: torchvision's own weights."""

_HASH = re.compile(r"-([a-f0-9]{8,})\.")
"""torchvision writes the beginning of a file's SHA-256 into its name."""


def load_initial_weights(network: Network, weights: Path | None, *, architecture: str) -> None:
    """Load weights into a network that is about to be trained; None leaves the random ones.

    Raises
    ------
    ModelError
        The weights are missing or damaged, cannot be downloaded, or are of another architecture.
    """
    if weights == TORCHVISION:
        adopt_weights(network, torchvision_weights(architecture))
    elif weights is not None:
        load_backbone(network, weights)


def torchvision_weights(architecture: str) -> dict[str, Tensor]:
    """Return torchvision's best weights of an architecture, trained on ImageNet; downloaded once.

    Raises
    ------
    ModelError
        There are none, they cannot be downloaded, or the file is not the one that torchvision published.
    """
    try:
        weights = torchvision.models.get_model_weights(architecture).DEFAULT
    except ValueError as error:
        raise ModelError(
            f"There are no weights of torchvision for “{architecture}”.",
            hint="Give a file of weights, or none to start from random ones.",
            code="no-torchvision-weights",
        ) from error
    file = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]
    _require_published(file)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # where the library says that it downloads
            state = weights.get_state_dict(progress=False, check_hash=True, weights_only=True, map_location="cpu")
    except OSError as error:
        raise ModelError(
            f"The weights of torchvision for {architecture} cannot be downloaded ({error}).",
            hint=f"Download {weights.url} where there is a network, and put the file at {file}; or give another file.",
            code="weights-not-downloaded",
        ) from error
    except (RuntimeError, UnpicklingError, EOFError) as error:
        raise _damaged(file) from error
    return fitted(state, build_network(architecture, labels=1), architecture=architecture)[0]


def _require_published(file: Path) -> None:
    """Check a file that lies there already; the library checks only those that it downloads."""
    published = _HASH.search(file.name)
    if published and file.is_file() and not hashlib.sha256(file.read_bytes()).hexdigest().startswith(published[1]):
        raise _damaged(file)


def _damaged(file: Path) -> ModelError:
    return ModelError(
        "The file of torchvision’s weights is not the one that torchvision published.",
        hint=f"Delete {file} where it exists, and start again.",
        code="weights-damaged",
    )
