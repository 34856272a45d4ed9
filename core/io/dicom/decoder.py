"""pydicom's decoders behind one function, which other processes can be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from core.domain import Pixels
from core.errors import StudyError


def decode_pixels(
    content: memoryview, *, syntax: str, attributes: Mapping[str, Any], plugin: str = "", index: int = 0
) -> tuple[Pixels, dict[str, Any]]:
    """Decode one frame with the one decoder that is meant for the syntax.

    Parameters
    ----------
    content : memoryview
        Uncompressed pixels of all frames, or encapsulated ones.
    syntax : str
        UID of the transfer syntax to decode as.
    attributes : mapping
        Of the header, as pydicom's decoders want them.
    plugin : str
        Name of pydicom's plugin, empty for none.
    index : int
        Of the frame, from 0.

    Returns
    -------
    pixels : ndarray, (rows, columns) or (rows, columns, samples)
        Stored values in the machine's byte order.
    facts : dict
        `photometric_interpretation` of these pixels: a decoder may have converted colour already.

    Raises
    ------
    StudyError
        Where the pixels are damaged.
    """
    try:
        decoder = get_decoder(UID(syntax))
        # The decoders of pydicom's plugins tell bytes from a file by their type.
        source = bytes(content) if plugin else content
        pixels, properties = decoder.as_array(source, index=index, raw=True, decoding_plugin=plugin, **attributes)
    except MemoryError:
        raise
    except BaseException as error:  # every decoder has its own exceptions
        if not isinstance(error, Exception) and not _is_panic(error):
            raise
        raise damaged(UID(syntax).name) from error
    native = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    return native, {"photometric_interpretation": str(properties["photometric_interpretation"])}


def damaged(syntax_name: str) -> StudyError:
    """Return the refusal of pixels that no decoder makes sense of."""
    return StudyError(
        f"The pixels cannot be decoded: they are damaged, or not what the header says ({syntax_name}).",
        hint="Export the file again.",
        code="damaged-pixel-data",
    )


def _is_panic(error: BaseException) -> bool:
    """Return whether a decoder written in Rust gave up: PyO3 keeps that apart from `Exception`."""
    return type(error).__name__ == "PanicException"
