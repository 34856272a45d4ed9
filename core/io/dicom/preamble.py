"""The 128 bytes before the mark DICM, which DICOM leaves free.

They are zero, or the header of a TIFF file that lies around the same pixels. Whoever puts a program's header there has
a file that is a study to one system and a program to another. The picture is read as always; of these bytes nothing is
kept, so nothing that is exported can hold them.

References
----------
DICOM PS3.10, 7.1 and 7.5; CVE-2019-11687.
"""

from __future__ import annotations

import logging

from core.domain import Notice

log = logging.getLogger("lightbox")

_PROGRAMS = {
    b"MZ": "a Windows program",
    b"\x7fELF": "a Linux program",
    b"\xcf\xfa\xed\xfe": "a macOS program",
    b"\xce\xfa\xed\xfe": "a macOS program",
    b"\xca\xfe\xba\xbe": "a macOS or Java program",
    b"#!": "a script",
}


def preamble_notices(content: bytes) -> tuple[Notice, ...]:
    """Return a warning, which is logged too, where the preamble of a file in Part 10 format is that of a program."""
    if content[128:132] != b"DICM":
        return ()
    program = next((words for magic, words in _PROGRAMS.items() if content.startswith(magic)), None)
    if program is None:
        return ()
    log.warning("A DICOM file begins like %s; only its picture was read.", program)
    return (
        Notice(
            "executable-preamble",
            f"The file begins like {program}: the bytes before its DICOM header could be run. Only the picture was "
            "read; do not open the file with anything but an image viewer, and report it to whoever sent it.",
        ),
    )
