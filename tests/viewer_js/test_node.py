"""The unit tests of the viewer's program, in Node."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

NODE = shutil.which("node")
FILES = sorted(Path(__file__).parent.glob("*.test.mjs"))


@pytest.mark.skipif(NODE is None, reason="Node is not installed; the browser tests drive the same program")
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_unit_tests_pass(file: Path) -> None:
    ran = subprocess.run(
        [str(NODE), "--test", str(file)],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout
    assert "# pass 0" not in ran.stdout


def test_there_are_unit_tests() -> None:
    assert len(FILES) >= 3
