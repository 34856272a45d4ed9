"""Reports: what a reader takes along, as a picture, as data, or as one printed page.

None of them holds the patient's identity unless it was asked for, and all say that they are not for diagnostic use
and which model, in which version, gave the answer.
"""

from core.reports.page import reading_html
from core.reports.picture import reading_png
from core.reports.reading import ReportInput
from core.reports.record import reading_json

__all__ = ["ReportInput", "reading_html", "reading_json", "reading_png"]
