"""The pictures of one series, decoded for whoever looks at them: the viewer in the browser and the page around it."""

from __future__ import annotations

import threading
from concurrent.futures import Future
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
    """

    def __init__(self, series: Series, *, remembered_bytes: int = REMEMBERED_BYTES) -> None:
        self.series = series
        self._limit = remembered_bytes
        self._images = self._none()
        self._decoding: dict[str, Future[Image]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.series.frames)

    def forget(self) -> None:
        """Let go of all pictures."""
        with self._lock:
            self._images = self._none()

    def _none(self) -> Bounded[Image]:
        return Bounded(self._limit, weigh=_weigh)

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
            if image is not None:
                self._images.put(uid, image)
