"""The 53 cases of the intake: faults and rarities that uploads are known to bring, and what Lightbox makes of each.

Each has a test in this folder that begins with its number, `test_case_14_…`, builds the file and brings it through
`core.io.load_study` as the browser and the command line do. `make cases` runs them and prints how many hold.
"""

from __future__ import annotations

import re

from _pytest.terminal import TerminalReporter

CASES = {
    1: "MONOCHROME1: inverted after the window, and the same input for a model as its MONOCHROME2 twin",
    2: "VOI LUT sequence, 8-bit entries packed: applied, or the window with a notice",
    3: "LINEAR_EXACT: the formula of PS3.3",
    4: "SIGMOID: the formula of PS3.3",
    5: "WindowWidth 0: an automatic window, and a notice",
    6: "Several windows: all can be chosen",
    7: "Modality LUT sequence: before the window",
    8: "Negative slope, window off the data: no NaN",
    9: "Signed pixels with PixelPaddingValue: padding left out of statistics",
    10: "Junk above BitsStored: masked",
    11: "FloatPixelData with NaN and infinity: shown, no inference, with the reason",
    12: "Constant image: flat, “no contrast”, no prediction",
    13: "1×1: refused as too small",
    14: "Truncated pixels: an error",
    15: "Trailing bytes: accepted, noted",
    16: "A header that claims 65535² over 8 kB: refused before memory is taken",
    17: "NumberOfFrames 2e9: refused before memory is taken",
    18: "Rows 0: an error",
    19: "No PixelData: not an image, with what it is",
    20: "Empty PixelData: an error",
    21: "No PixelSpacing: uncalibrated",
    22: "PixelSpacing 0: uncalibrated",
    23: "DX with ImagerPixelSpacing: both attributes read, the source named",
    24: "No PhotometricInterpretation: MONOCHROME2, with a warning",
    25: "BitsStored above BitsAllocated: an error",
    26: "JPEG 2000 that claims 65000²: compared with the DICOM header, refused",
    27: "RLE that claims 60000²: refused by the budget of pixels",
    28: "Corrupt JPEG 2000: an error, and the application goes on",
    29: "Corrupt JPEG-LS: an error, not garbage",
    30: "Unknown or video transfer syntax: named",
    31: "No preamble, no meta information: read where its tags are plausible",
    32: "A program in the preamble: accepted, logged, in no export",
    33: "Empty, text, random bytes: not a medical image",
    34: "Deflate bomb of 1 MB that becomes 1 GiB: stopped",
    35: "Sequences 1500 deep: refused",
    36: "PixelData of 4 GiB in a small file: refused",
    37: "Burned-in annotation and private tags: identity masked, warned of",
    38: "16-bit PNG: full depth",
    39: "PNG with alpha: laid on black, noted",
    40: "CMYK JPEG: converted, noted",
    41: "EXIF rotation: applied",
    42: "Animated GIF: its pictures can be chosen",
    43: "PNG of 30000² in some 100 kB: refused by a limit of its own",
    44: "Truncated PNG: an error",
    45: "Zip whose names climb out: never extracted by name",
    46: "Zip bombs: ratio, size and count are capped",
    47: "Pickled weights: no code is run, refused in words; the hash is checked",
    48: "Mixed series with a localizer: grouped",
    49: "Unsorted slices: by position",
    50: "Doubled positions, gaps, gantry tilt: detected and named",
    51: "Enhanced multi-frame: each frame has its own window",
    52: "YBR, planar, palette, big-endian, deflated, 1-bit, 32-bit: exact pixels",
    53: "NIfTI: canonical orientation, 4-D, NaN",
}

_CASE = re.compile(r"tests/intake/.*::test_case_(\d\d)_")


def case_of(node_id: str) -> int | None:
    """Return the number of the case that a test is for; None for any other test."""
    found = _CASE.search(node_id)
    return int(found[1]) if found else None


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Say how many cases hold; imported by `tests/conftest.py`, where pytest finds it."""
    outcomes = {
        outcome: {case_of(report.nodeid) for report in terminalreporter.getreports(outcome)} - {None}
        for outcome in ("passed", "failed", "error")
    }
    broken = outcomes["failed"] | outcomes["error"]
    if outcomes["passed"] or broken:
        terminalreporter.write_sep("=", f"intake: {len(outcomes['passed'] - broken)} of {len(CASES)} cases hold")
        for number in sorted(number for number in broken if number):
            terminalreporter.write_line(f"case {number} does not: {CASES[number]}")
