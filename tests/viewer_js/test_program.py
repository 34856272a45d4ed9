"""The viewer's program: its unit tests pass, and neither the linter nor the type checker finds anything in it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.viewer_js.program import FOLDER, PROGRAM, deno

CONFIG = ("--config", FOLDER / "deno.json")
MODULES = sorted([*PROGRAM.glob("program/*.mjs"), PROGRAM / "boot.js"])


def said(ran: subprocess.CompletedProcess[bytes]) -> str:
    return (ran.stdout + ran.stderr).decode()


def test_its_unit_tests_pass() -> None:
    files = sorted(FOLDER.glob("*.test.mjs"))
    ran = deno("test", "--no-lock", "--no-check", "--no-remote", *files)
    assert ran.returncode == 0, said(ran)
    passed = re.search(r"(\d+) passed", said(ran))
    assert passed is not None
    assert int(passed[1]) >= len(files) >= 5


def test_it_is_linted() -> None:
    ran = deno("lint", *CONFIG, PROGRAM, FOLDER)
    assert ran.returncode == 0, said(ran)


def test_its_types_hold() -> None:
    ran = deno("check", "--no-lock", "--no-remote", *CONFIG, *MODULES)
    assert ran.returncode == 0, said(ran)


def test_every_module_asks_for_its_types_to_be_checked() -> None:
    unchecked = [
        path.name
        for path in MODULES
        if path.suffix == ".mjs" and not path.read_text("utf-8").startswith("// @ts-check")
    ]
    assert unchecked == []


@pytest.mark.parametrize(
    ("command", "fault", "finding"),
    [
        (("lint",), "let unused = 1\n", "no-unused-vars"),
        (("check", "--no-lock"), '/** @type {number} */\nexport const wrong = "text"\n', "TS2322"),
    ],
)
def test_a_fault_is_found(command: tuple[str, ...], fault: str, finding: str, tmp_path: Path) -> None:
    (tmp_path / "fault.mjs").write_text(fault, "utf-8")
    ran = deno(*command, *CONFIG, tmp_path / "fault.mjs")
    assert ran.returncode != 0
    assert finding in said(ran)
