"""DICOM: headers, series, and pixels by the letter of the standard."""
