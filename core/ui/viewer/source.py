"""The pictures of one series, decoded for whoever looks at them: the viewer in the browser and the page around it."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import replace
from typing import Final

from core.domain import Image, Series
from core.ui.session import MIB, Bounded

REMEMBERED_BYTES: Final = 192 * MIB


def _weigh(image: Image) -> int:
    return image.pixels.nbytes


class PixelSource:
    """Decodes the frames of a series, remembers the latest ones, and decodes none twice at the same time.

    Every thread may ask. Whoever shows the series keeps this object: the tokens that were granted for it end with it.

    Parameters
    ----------
    series : Series
    remembered_bytes : int
        How much memory decoded images may take.
    images : Bounded of Image, optional
        Where decoded images are kept, by their frame's uid, in place of a memory of its own: several series may share
        one.
    """

    def __init__(
        self, series: Series, *, remembered_bytes: int = REMEMBERED_BYTES, images: Bounded[Image] | None = None
    ) -> None:
        self.series = series
        self.is_closed = False
        self._images = Bounded(remembered_bytes, weigh=_weigh) if images is None else images
        self._decoding: dict[str, Future[Image]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.series.frames)

    def close(self) -> None:
        """End all tokens of the series, which is looked at no longer, and let go of its pictures."""
        self.is_closed = True
        with self._lock:
            for frame in self.series.frames:
                self._images.drop(frame.uid)
        self.series = replace(self.series, frames=())

    def image(self, index: int) -> Image:
        """Return a frame, decoded.

        Parameters
        ----------
        index : int
            From 0.

        Raises
        ------
        IndexError
            The series has no such frame.
        StudyError
            Its pixels cannot be decoded.
        """
        if not 0 <= index < len(self):
            raise IndexError(index)
        uid = self.series.frames[index].uid
        with self._lock:
            known = self._images.get(uid)
            if known is not None:
                return known
            pending = self._decoding.get(uid)
            if pending is None:
                mine: Future[Image] = Future()
                self._decoding[uid] = mine
        return pending.result() if pending is not None else self._decode(index, uid, mine)

    def _decode(self, index: int, uid: str, promise: Future[Image]) -> Image:
        try:
            image = self.series.frames[index].load()
        except BaseException as error:
            self._settle(uid, None)
            promise.set_exception(error)
            raise
        self._settle(uid, image)
        promise.set_result(image)
        return image

    def _settle(self, uid: str, image: Image | None) -> None:
        with self._lock:
            del self._decoding[uid]
            if image is not None and not self.is_closed:
                self._images.put(uid, image)
