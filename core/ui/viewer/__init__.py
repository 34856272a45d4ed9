"""The viewer: pixels go to the browser once, at full depth, and everything that eyes do with them happens there.

    Series → PixelSource ─ token (store) → GET /viewer/pixels/i (route, encoding) → canvas (program/*.mjs)
                                                                                      │ when the hand is lifted
    viewer([Pane(source, title, heats)], key=…)  ←───────── ViewerState ──────────────┘

`source` decodes and remembers, `store` knows who may fetch, `route` answers, `component` is what a page calls. The
arithmetic of `program/` is that of `core.windowing` and `core.overlay`, and is tested against them pixel by pixel.
"""

from core.ui.viewer.component import Jump, standing, viewer
from core.ui.viewer.panes import Heat, Pane, ScoreLine
from core.ui.viewer.source import PixelSource
from core.ui.viewer.state import MANUAL, ViewerState

__all__ = ["MANUAL", "Heat", "Jump", "Pane", "PixelSource", "ScoreLine", "ViewerState", "standing", "viewer"]
