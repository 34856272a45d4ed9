"""Several networks that were trained alike, from other random numbers, and answer together: the mean of what each says.

    x ─┬─ features 1 ─┐                       ┌─ head 1 ─┐
       ├─ features 2 ─┼─→ (N, members · C, h, w) ─┼─ head 2 ─┼─ mean ─→ (N, labels)
       └─ features 3 ─┘                       └─ head 3 ─┘

To everything else it is one network: its feature map is those of its members side by side, and where their heads are
global average pooling and one linear layer, so is its own. Evidence, gate and answers need to know nothing of it.

References
----------
Lakshminarayanan et al., "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles", NeurIPS 2017.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.models.network import Network, build_network


def build_members(architecture: str, *, labels: int, channels: int = 3, members: int = 1) -> Network:
    """Build a network of one or more members with random weights; nothing is downloaded.

    Raises
    ------
    ModelError
        The architecture is not known.
    """
    networks = [build_network(architecture, labels=labels, channels=channels) for _ in range(members)]
    return networks[0] if members == 1 else Ensemble(networks)


class Ensemble(Network):
    """Networks of one architecture that answer together.

    Parameters
    ----------
    members : sequence of Network
        Two or more. In the state dict each stands under its number.
    """

    def __init__(self, members: Sequence[Network]) -> None:
        super().__init__(nn.ModuleList(members), members[0].family)

    @property
    def members(self) -> tuple[Network, ...]:
        """The networks."""
        return tuple(self.body.children())  # type: ignore[arg-type]

    def features_and_statistics(self, x: Tensor, *, after: Sequence[int] = ()) -> tuple[Tensor, Tensor | None]:
        """Return the feature maps side by side, and averages of the first member.

        The averages tell of what kind an image is, which the members see alike.
        """
        first, *others = self.members
        features, averages = first.features_and_statistics(x, after=after)
        return torch.cat([features, *(member.features(x) for member in others)], dim=1), averages

    def blocks(self) -> tuple[nn.Module, ...]:
        """Return the parts of the features of the first member."""
        return self.members[0].blocks()

    def head(self, features: Tensor) -> Tensor:
        """Return the mean of the members' answers (N, labels) to their feature maps (N, members · C, h, w)."""
        parts = features.chunk(len(self.members), dim=1)
        answers = [member.head(part) for member, part in zip(self.members, parts, strict=True)]
        return torch.stack(answers).mean(dim=0)

    def classifier_weights(self) -> tuple[Tensor, Tensor | None] | None:
        """Return weight (labels, members · C) and bias (labels,) as of one linear layer; see `Network`."""
        found = [member.classifier_weights() for member in self.members]
        layers = [layer for layer in found if layer is not None]
        if len(layers) < len(found):
            return None
        weight = torch.cat([weight for weight, _ in layers], dim=1) / len(layers)
        biases = [bias for _, bias in layers if bias is not None]
        return weight, torch.stack(biases).mean(dim=0) if biases else None
