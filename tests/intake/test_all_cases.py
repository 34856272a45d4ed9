from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

from tests.intake.cases import CASES, case_of


def test_every_case_has_one_test() -> None:
    folder = Path(__file__).parent
    names = [
        f"tests/intake/{path.name}::{node.name}"
        for path in folder.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]
    counted = Counter(number for name in names if (number := case_of(name)) is not None)
    assert list(CASES) == list(range(1, 54))
    assert counted == dict.fromkeys(CASES, 1)
