"""DICOM: header, pixels, series and facts.

bytes → read_header → DicomFile → decode_frame → Image
                          └─────→ group_series → Series
"""

from core.io.dicom.decode import decode_frame
from core.io.dicom.header import DicomFile, read_header
from core.io.dicom.parsing import looks_like_dataset
from core.io.dicom.series import group_series

__all__ = ["DicomFile", "decode_frame", "group_series", "looks_like_dataset", "read_header"]
