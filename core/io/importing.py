"""Importing what reads DICOM, which is done when it is needed so that the first page comes at once.

Python lets a thread have a half-made module where two threads import parts of one package from different ends, as the
first visitor's upload and the warming up in the background would: here one waits for the other.
"""

from __future__ import annotations

import importlib
import threading

_importing = threading.Lock()


def import_dicom() -> None:
    """Import pydicom and `core.io.dicom` as wholes; call it before parts of either are imported inside a function."""
    with _importing:
        importlib.import_module("pydicom")
        importlib.import_module("core.io.dicom.decoder")
