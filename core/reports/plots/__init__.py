"""Charts of how far a model can be trusted, as plotly figures for pages and HTML reports.

Each is titled by what it shows, names its axes and units, and leaves ground and letters to the page's theme, so that it
can be read in the dark, in the light and on paper. What a colour says, a sign, a dash or a word says too. Plotly is
imported when the first chart is drawn.
"""

from core.reports.plots.calibration import reliability_figure, score_histogram_figure
from core.reports.plots.confusion import calls_as_matrix, confusion_figure
from core.reports.plots.discrimination import precision_recall_figure, roc_figure
from core.reports.plots.drawing import DrawnLabel, drawn_labels
from core.reports.plots.learning import learning_figure

__all__ = [
    "DrawnLabel",
    "calls_as_matrix",
    "confusion_figure",
    "drawn_labels",
    "learning_figure",
    "precision_recall_figure",
    "reliability_figure",
    "roc_figure",
    "score_histogram_figure",
]
