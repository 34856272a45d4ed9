"""The house as it is drawn: README, import-linter and the files say the same."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "torchvision", "SimpleITK", "sklearn", "matplotlib", "pytorch_grad_cam", "cv2")
"""Libraries that cost the first page its two seconds."""
FIRST_RUN = f"""
import sys, threading
from streamlit.testing.v1 import AppTest

found = []

class Watch:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in {HEAVY!r} and "scriptThread" in threading.current_thread().name:
            found.append(name)

sys.meta_path.insert(0, Watch)
app = AppTest.from_file("core/ui/shell.py", default_timeout=60).run()
assert not app.exception, app.exception
print(found)
"""
VAGUE = {"util", "utils", "helper", "helpers", "manager", "managers", "common", "misc"}


def test_the_drawing_in_the_readme_is_what_import_linter_enforces() -> None:
    assert _drawn_floors((CHECKOUT / "README.md").read_text("utf-8")) == _enforced_floors()


def test_modules_of_one_floor_may_not_import_each_other() -> None:
    # In import-linter's words ":" would let them.
    assert not any(":" in layer for layer in _layers())


def test_every_part_of_core_has_a_floor() -> None:
    parts = {f"core.{path.stem}" for path in (CHECKOUT / "core").iterdir() if _is_module(path)}
    assert parts - {"core.__init__"} == {module for floor in _enforced_floors() for module in floor}


def test_the_drawing_is_read_as_drawn() -> None:
    drawing = """Text.
```
 2  core/ui/   core/__main__.py    the doors: core/none of this counts
                                   and goes on here
 1  core/domain.py                 the nouns
 0  core/errors.py                 failures
```
"""
    assert _drawn_floors(drawing) == [{"core.ui", "core.__main__"}, {"core.domain"}, {"core.errors"}]


def test_only_the_pages_and_core_ui_know_streamlit() -> None:
    allowed = {"streamlit_app.py", "pages", "core/ui"}
    outside = [
        path
        for path in _sources()
        if not any(path == CHECKOUT / place or CHECKOUT / place in path.parents for place in allowed)
    ]
    offenders = [path for path in outside if "streamlit" in {name.split(".")[0] for name in _imports(path)}]
    assert outside
    assert offenders == []


def test_the_first_page_imports_no_heavy_library() -> None:
    statements = sorted({ast.unparse(node) for path in _first_page() for node in _own_imports(path)})
    assert statements
    assert _run("\n".join([*statements, "import sys", f"print(sorted(set({HEAVY!r}) & set(sys.modules)))"])) == "[]"


def test_the_first_run_of_the_first_page_imports_no_heavy_library() -> None:
    # Models are warmed up in a thread of their own, which may import what it likes.
    assert _run(FIRST_RUN) == "[]"


@pytest.mark.parametrize("path", sorted((CHECKOUT / "pages").glob("*.py")), ids=lambda path: path.name)
def test_a_page_is_a_thin_script(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) < 80


def test_no_file_has_a_name_that_says_nothing() -> None:
    names = {path: set(re.split(r"[_\W]+", path.stem.lower())) for path in _sources()}
    assert [path for path, words in names.items() if words & VAGUE] == []


def test_files_stay_short() -> None:
    long = [path.relative_to(CHECKOUT) for path in _sources() if len(path.read_text("utf-8").splitlines()) > 400]
    # The nouns are one page that a newcomer reads from top to bottom.
    assert set(long) <= {Path("core/domain.py")}


def _layers() -> list[str]:
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    return next(contract for contract in contracts if contract["type"] == "layers")["layers"]


def _enforced_floors() -> list[set[str]]:
    return [{module.strip() for module in layer.split("|")} for layer in _layers()]


def _drawn_floors(text: str) -> list[set[str]]:
    """Return the floors of the drawing, top first: the fenced block whose lines begin with their numbers."""
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    floors = next((lines for block in blocks if (lines := _numbered_lines(block))), {})
    assert list(floors) == list(range(max(floors), min(floors) - 1, -1)), "numbered downwards, without a gap"
    return list(floors.values())


def _numbered_lines(block: str) -> dict[int, set[str]]:
    lines = re.finditer(r"^ *(\d+) +((?:core/\S+ *)+)", block, flags=re.MULTILINE)
    return {int(line[1]): {_module(path) for path in line[2].split()} for line in lines}


def _module(path: str) -> str:
    return path.removesuffix(".py").strip("/").replace("/", ".")


def _is_module(path: Path) -> bool:
    return path.suffix == ".py" or (path / "__init__.py").is_file()


def _sources() -> list[Path]:
    files = [CHECKOUT / "streamlit_app.py"]
    for folder in ("core", "pages"):
        files.extend(path for path in (CHECKOUT / folder).rglob("*.py") if "__pycache__" not in path.parts)
    return sorted(files)


def _first_page() -> list[Path]:
    """Return the scripts that run before a user sees anything."""
    return [CHECKOUT / "streamlit_app.py", CHECKOUT / "core" / "ui" / "shell.py", *(CHECKOUT / "pages").glob("*.py")]


def _imports(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _own_imports(path: Path) -> Iterator[ast.stmt]:
    """Yield the statements at the top of a file that import parts of core."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Import | ast.ImportFrom) and ast.unparse(node).split()[1].split(".")[0] == "core":
            yield node


def _run(program: str) -> str:
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()
