"""Where Lightbox keeps what must outlast a start: answers, evaluations and the audit record."""

from __future__ import annotations

import os
import sys
from pathlib import Path

DATA_VARIABLE = "LIGHTBOX_DATA"
"""Environment variable that names another folder for what Lightbox keeps."""


def data_folder() -> Path:
    """Return where Lightbox keeps its data: `LIGHTBOX_DATA` where it is set, else the user's folder for such."""
    chosen = os.environ.get(DATA_VARIABLE)
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "Lightbox"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Lightbox"
    return Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local" / "state")) / "lightbox"
