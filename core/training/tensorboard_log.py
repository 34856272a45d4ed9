"""A log for TensorBoard: `tensorboard --logdir .training/ID/tensorboard`.

It holds pictures, so it is written beside the cache and the checkpoints and not into the model folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from core.training.watching import Epoch, Step

FOLDER = "tensorboard"


class TensorBoardLog:
    """Writes loss and learning rate of every step, AUROCs on validation of every epoch, and examples of pictures.

    Parameters
    ----------
    folder : Path
        A run that is resumed goes on in the same folder; what it wrote after its last complete epoch is struck out.
    examples : Path
        An image file that is shown beside the curves.
    """

    def __init__(self, folder: Path, *, examples: Path) -> None:
        self.folder, self.examples = folder, examples
        self._writer: Any = None
        self._done = 0

    def on_step(self, step: Step) -> None:
        """Note loss and learning rate."""
        if self._writer is None:
            self._writer = self._open(step)
        self._done = step.done
        self._writer.add_scalar("training/loss", step.loss, step.done)
        self._writer.add_scalar("training/learning rate", step.learning_rate, step.done)

    def on_epoch(self, epoch: Epoch, *, best: bool) -> None:  # noqa: ARG002 every watcher is told
        """Note the AUROCs on validation, at the step that the epoch ended with."""
        figures = {"as it is": epoch.plain, "under stress, mean": epoch.stress_mean, "worst": epoch.stress_worst}
        for name, value in figures.items():
            self._writer.add_scalar(f"validation AUROC/{name}", value, self._done)
        self._writer.add_scalar("training/loss of the epoch", epoch.loss, self._done)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()

    def _open(self, step: Step) -> Any:
        from PIL import Image
        from torch.utils.tensorboard import SummaryWriter

        writer: Any = SummaryWriter(str(self.folder), purge_step=step.done)
        with Image.open(self.examples) as sheet:
            writer.add_image("augmentation", np.asarray(sheet), step.done, dataformats="HW")
        return writer
