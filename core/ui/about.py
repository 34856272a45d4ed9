"""The words of the page About."""

from __future__ import annotations

from pathlib import Path

from core import __version__, workflow
from core.domain import ModelSpec

TEXT = Path(__file__).with_name("about.md")


def about_text() -> str:
    """Return the page as Markdown."""
    models = "\n\n".join(_describe(spec) for spec in workflow.known_models().models)
    return TEXT.read_text("utf-8").format(version=__version__, models=models or "No model is installed.")


def _describe(spec: ModelSpec) -> str:
    use = spec.intended_use
    lines = [f"**{spec.title}** ({spec.id}, version {spec.version})", use.summary, f"Not for: {use.not_for}"]
    if spec.licence:
        lines.append(f"Licence: {spec.licence}")
    if spec.citation:
        lines.append(f"Source: {spec.citation}")
    return "  \n".join(lines)
