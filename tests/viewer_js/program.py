"""Running the viewer's program without a browser: Deno, which pip brings, also lints it and checks its types."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from deno import find_deno_bin

FOLDER = Path(__file__).parent
PROGRAM = FOLDER.parents[1] / "core" / "ui" / "viewer"
TIMEOUT_S = 120


def deno(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Run Deno. It writes into a folder of its own only, and asks nobody on the net."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"DENO_DIR": folder, "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"}
        return subprocess.run(
            [find_deno_bin(), *map(str, arguments)],
            check=False,
            capture_output=True,
            timeout=TIMEOUT_S,
            env=environment,
        )
