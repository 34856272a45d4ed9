"""SimpleITK: what it says of a volume before it reads the voxels, and the voxels. Runs in another process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.domain import Pixels
from core.errors import StudyError
from core.io.content import Kind

_READERS = {Kind.NIFTI: "NiftiImageIO", Kind.METAIMAGE: "MetaImageIO", Kind.NRRD: "NrrdImageIO"}
SUFFIXES = {Kind.NIFTI: ".nii", Kind.METAIMAGE: ".mha", Kind.NRRD: ".nrrd"}


@dataclass(frozen=True, slots=True)
class Information:
    """What SimpleITK says of a file before it reads the voxels: along each axis, and of each voxel."""

    sizes: list[int]
    spacing: list[float]
    origin: list[float]
    direction: list[float]
    pixel_type: str
    components: int

    @property
    def times(self) -> int:
        """How many time points there are: the size of the fourth axis."""
        return self.sizes[3] if len(self.sizes) == 4 else 1


def information_of(_content: memoryview, *, path: str, kind: str) -> tuple[None, dict[str, Any]]:
    """Return the fields of `Information`.

    Raises
    ------
    StudyError
        When the header makes no sense to SimpleITK.
    """
    with _reader(path, kind) as reader:
        return None, asdict(
            Information(
                sizes=list(reader.GetSize()),
                spacing=list(reader.GetSpacing()),
                origin=list(reader.GetOrigin()),
                direction=list(reader.GetDirection()),
                pixel_type=_simpleitk().GetPixelIDValueAsString(reader.GetPixelID()),
                components=reader.GetNumberOfComponents(),
            )
        )


def voxels_of(_content: memoryview, *, path: str, kind: str, time: int) -> tuple[Pixels, dict[str, Any]]:
    """Return one time point as (z, y, x), or (z, y, x, 3) where it has colour; alpha is left out.

    Raises
    ------
    StudyError
        When the voxels are damaged.
    """
    with _reader(path, kind) as reader:
        sizes = reader.GetSize()
        if len(sizes) == 4:
            reader.SetExtractSize([*sizes[:3], 0])
            reader.SetExtractIndex([0, 0, 0, time])
        image = reader.Execute()
    voxels: Pixels = _simpleitk().GetArrayFromImage(image)
    if image.GetDimension() == 2:
        voxels = voxels[np.newaxis]
    return voxels[..., :3] if voxels.ndim == 4 else voxels, {}


def _simpleitk() -> Any:
    """Import SimpleITK, which only volumes need; its warnings are about files' inner details."""
    import SimpleITK

    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)  # type: ignore[no-untyped-call]  # noqa: FBT003
    return SimpleITK


@contextmanager
def _reader(path: str, kind: str) -> Iterator[Any]:
    """Return a reader that has read the header."""
    reader = _simpleitk().ImageFileReader()
    reader.SetImageIO(_READERS[Kind(kind)])
    reader.SetFileName(path)
    try:
        reader.ReadImageInformation()
        yield reader
    except RuntimeError:
        # Not chained: the message is about a temporary file and ITK's sources.
        raise damaged(f"This {kind} file is damaged, or its geometry makes no sense.") from None


def damaged(message: str) -> StudyError:
    """Return the refusal of a volume that cannot be read."""
    return StudyError(message, hint="Save the volume again, best as NIfTI (.nii.gz).", code="damaged-volume")
