"""What one visitor has open, and how much memory it may take.

Nothing here is shared between visitors, and pixel arrays are never handed to Streamlit's caches: those compare a
sample of a large array, and a small lesion can fall through it. Every key is a digest of the file's bytes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.audit import User
from core.domain import Explanation, Image, Rejected, Series, Study, VoiFunction
from core.errors import CoreError
from core.models.proposal import Proposal
from core.ui.access import current_user
from core.ui.failure import StudyClosed
from core.ui.memory import give_back_soon
from core.ui.offers import Offer
from core.ui.shelf import SHELF
from core.workflow import Reading, opening_index

if TYPE_CHECKING:
    from core.ui.scan import Scan
    from core.ui.viewer import PixelSource, ViewerState

T = TypeVar("T")
MIB = 2**20
IMAGES_BYTES = 192 * MIB
OUTCOMES_BYTES = 128 * MIB
THUMBNAILS = 512
EXPLANATIONS = 512

Outcome = Reading | CoreError
"""What asking a model about a frame came to."""


class Bounded(Generic[T]):
    """A cache that forgets what was used longest ago once its entries weigh more than `limit`.

    The entry that was put in last is always kept, however heavy it is. Every thread may use it.
    """

    def __init__(self, limit: int, *, weigh: Callable[[T], int] = lambda _: 1) -> None:
        self._limit = limit
        self._weigh = weigh
        self._entries: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._weight = 0
        self._lock = threading.RLock()

    def get(self, key: str) -> T | None:
        """Return an entry and count it as used; None where there is none."""
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key][0]

    def put(self, key: str, entry: T) -> T:
        """Keep an entry and return it."""
        with self._lock:
            self.drop(key)
            weight = self._weigh(entry)
            self._entries[key] = (entry, weight)
            self._weight += weight
            while self._weight > self._limit and len(self._entries) > 1:
                self.drop(next(iter(self._entries)))
        return entry

    def drop(self, key: str) -> None:
        """Forget an entry where it exists."""
        with self._lock:
            _, weight = self._entries.pop(key, (None, 0))
            self._weight -= weight

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._weight = 0

    @property
    def weight(self) -> int:
        """What the entries weigh together."""
        return self._weight

    def __len__(self) -> int:
        return len(self._entries)


@dataclass(slots=True, eq=False)
class View:
    """How one series is looked at: each field is the value of a control, kept while another series is open.

    Attributes
    ----------
    frame : int
        From 1, as the slider shows it.
    preset : str
        Name of the window, see `core.ui.windows`; empty until the first image has been seen.
    center, width : float
        Of the window, in the units of the pixels; where the sliders stand.
    function : VoiFunction
        Of the window that the sliders change.
    bounds : (low, high) or None
        Ends of the slider for the centre.
    is_known : bool
        Whether the series has been on the screen before.
    zoom, across, down
        Magnification, and the point of the image in the middle of the picture, in percent.
    label, method
        What the heatmap explains, and how; empty label: the one that matters most.
    methods : tuple of str
        By which the model asked last can be explained; empty before it has answered.
    opacity : int
        In percent.
    threshold : float
        In the heatmap's unit: only values above it are coloured.
    contour_level : float or None
        The value around which the contour is drawn; None: half of the strongest evidence.
    graphics : bool
        Whether the file's own graphics, which may name the patient, are drawn over the image.
    evidence_anyway, score_anyway : bool
        The reader asked for what a negative call, or an image outside the intended use, does not show by itself.
    compared : str
        The uid of the series that is shown next to this one; empty for none.
    seen : ViewerState or None
        How the viewer stood when it last told; None before, and where there is no viewer.
    """

    frame: int = 1
    preset: str = ""
    center: float = 0.0
    width: float = 1.0
    function: VoiFunction = VoiFunction.LINEAR_EXACT
    bounds: tuple[float, float] | None = None
    is_known: bool = False
    invert: bool = False
    zoom: float = 1.0
    across: int = 50
    down: int = 50
    label: str = ""
    method: str = "CAM"
    methods: tuple[str, ...] = ()
    opacity: int = 60
    threshold: float = 0.0
    contour: bool = False
    contour_level: float | None = None
    graphics: bool = False
    evidence_anyway: bool = False
    score_anyway: bool = False
    compared: str = ""
    seen: ViewerState | None = None

    def reset(self) -> None:
        """Go back to how the file wants to be seen, the whole of it."""
        self.preset, self.invert, self.zoom, self.across, self.down = "", False, 1.0, 50, 50


def _weigh_image(image: Image) -> int:
    return image.pixels.nbytes


def _weigh_outcome(outcome: Outcome) -> int:
    return outcome.image.pixels.nbytes if isinstance(outcome, Reading) else 0


@dataclass(slots=True, eq=False, weakref_slot=True)
class OpenStudy:
    """A study on the desk, and everything that was worked out of it; forgotten as a whole when it is closed.

    Attributes
    ----------
    model_ids : dict
        The model that is asked about a series, by the series' uid; empty string for none.
    proposals : dict
        Which model is proposed for a series, by the series' uid; still being found out where a picture is looked at.
    reveal_identity : bool
        Whether the patient's identity was asked for on the screen: of this study only.
    offer : Offer
        What can be taken along.
    prior : Study or None
        What was brought to compare this study with; `priors` counts how often.
    sources : dict
        Where the viewer gets the pictures of a series, by its uid.
    asked : dict
        What models are at work on, by the same keys as `outcomes`.
    scans : dict
        The scores along a series, by its uid and the SHA-256 of the model's weights.
    outcomes
        What models said, by the frame's uid and the SHA-256 of the model's weights; `explanations` by label and
        method besides.
    thumbnails
        Data URLs by series uid; empty where the picture cannot be decoded.
    owner, session, used, away_since
        See `core.ui.shelf.Kept`.
    closed_because : CoreError or None
        Why it was closed without being asked to.
    """

    study: Study
    series_uid: str
    owner: str = User.LOCAL
    session: str = ""
    used: float = 0.0
    away_since: float | None = None
    closed_because: CoreError | None = None
    views: dict[str, View] = field(default_factory=dict)
    model_ids: dict[str, str] = field(default_factory=dict)
    proposals: dict[str, Future[Proposal]] = field(default_factory=dict)
    reveal_identity: bool = False
    offer: Offer = field(default_factory=Offer)
    prior: Study | None = None
    priors: int = 0
    sources: dict[str, PixelSource] = field(default_factory=dict)
    asked: dict[str, Future[Outcome]] = field(default_factory=dict)
    scans: dict[str, Scan] = field(default_factory=dict)
    images: Bounded[Image] = field(default_factory=lambda: Bounded(IMAGES_BYTES, weigh=_weigh_image))
    explanations: Bounded[Explanation] = field(default_factory=lambda: Bounded(EXPLANATIONS))
    outcomes: Bounded[Outcome] = field(default_factory=lambda: Bounded(OUTCOMES_BYTES, weigh=_weigh_outcome))
    thumbnails: Bounded[str] = field(default_factory=lambda: Bounded(THUMBNAILS))

    @property
    def series(self) -> Series:
        """The series that is looked at.

        Raises
        ------
        StudyClosed
            The study was closed while a run of the page was still showing it.
        """
        self.used = SHELF.clock()
        for series in self.study.series:
            if series.uid == self.series_uid:
                return series
        raise StudyClosed

    @property
    def view(self) -> View:
        """How that series is looked at; a stack opens in its middle, views of a body part with the first."""
        return self.views.setdefault(self.series_uid, View(frame=opening_index(self.series) + 1))

    @property
    def size(self) -> int:
        """Bytes in memory: the files, and what was decoded of them."""
        prior = 0 if self.prior is None else self.prior.size_bytes
        return self.study.size_bytes + prior + self.images.weight + self.outcomes.weight

    @property
    def is_forgotten(self) -> bool:
        """Whether it was closed."""
        return not self.study.series

    def forget(self, because: CoreError | None = None) -> None:
        """Let go of the study and of all that was worked out of it.

        Streamlit keeps the arguments of callbacks, and so this object, for as long as the visitor stays.
        """
        self.closed_because = because
        self.offer.withdraw()
        for source in list(self.sources.values()):
            source.close()
        for question in list(self.asked.values()):
            question.cancel()
        for scan in list(self.scans.values()):
            scan.cancel()
        self.sources.clear()
        self.asked.clear()
        self.scans.clear()
        self.study, self.prior = Study(self.study.sha256, series=()), None
        for kept in (self.images, self.explanations, self.outcomes, self.thumbnails):
            kept.clear()


@dataclass(slots=True, eq=False)
class Desk:
    """One visitor's desk.

    Attributes
    ----------
    opened : OpenStudy or None
    uploads : int
        How many uploads were taken in: the number of the uploader, so that each begins empty.
    left_out : tuple of Rejected
        What could not be used of the last upload.
    failure : CoreError or None
        Why the last upload as a whole could not be used, or why the study was closed.
    owner, session : str
        Whose desk it is, and in which session.
    """

    opened: OpenStudy | None = None
    uploads: int = 0
    left_out: tuple[Rejected, ...] = ()
    failure: CoreError | None = None
    owner: str = User.LOCAL
    session: str = ""

    def open(self, study: Study) -> None:
        """Put a study on the desk, in place of the one that was there; one without pictures leaves the desk clear.

        Raises
        ------
        StudyError
            There is no room for it in memory.
        """
        self.close()
        self.left_out = study.rejected
        if study.series:
            first = next((series for series in study.series if not series.is_localizer), study.series[0])
            opened = OpenStudy(study, first.uid, self.owner, self.session)
            SHELF.add(opened)
            self.opened = opened

    def close(self) -> None:
        """Clear the desk: nothing of the study stays in memory."""
        if self.opened is not None:
            self.opened.forget()
            give_back_soon()
        self.opened, self.left_out, self.failure = None, (), None

    def clear_away(self) -> None:
        """Take a study off that was closed behind the visitor's back, and say why."""
        if self.opened is not None and self.opened.is_forgotten:
            because = self.opened.closed_because
            self.close()
            self.failure = because


def open_desk() -> Desk:
    """Return this visitor's desk."""
    if "desk" not in st.session_state:
        context = get_script_run_ctx()
        st.session_state.desk = Desk(owner=current_user().id, session=context.session_id if context else "")
    desk: Desk = st.session_state.desk
    desk.clear_away()
    return desk
