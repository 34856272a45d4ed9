"""Files that a reader takes along, made when they are asked for, at an address that stays while the study is open.

A page asks for them with a form of the browser's own: what is ticked and what is pressed come in one request, so no
file can hold more or less than the page said when the button was pressed. Streamlit's download buttons get a new
address with every run of the script, and a press in between fails; and that address answers all who are admitted.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from core.errors import CoreError
from core.ui.access import current_user, user_of
from core.ui.failure import UNFORESEEN, log_calmly

PATH = "take-along"
NO_FILE = "lightbox-no-file.txt"
GONE = (
    "This reading or evaluation is no longer open. Bring the study again and ask the model anew, or open the "
    "evaluation again and make its files anew."
)


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file: what its button says, its ending and media type, and what it is in a few words.

    `name` is the file's, without its ending, where it is not that of the offer.
    """

    label: str
    ending: str
    media_type: str
    what: str
    name: str = ""


FORMATS = {
    "png": Format("PNG", "png", "image/png", "The whole image and the heatmap, side by side"),
    "json": Format("JSON", "json", "application/json", "The result as data"),
    "report": Format("Report", "html", "text/html; charset=utf-8", "One page, to print or keep"),
}

Make = Callable[[str, bool], bytes]
"""Makes the content of a format, with the patient's identity or without."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class Offer:
    """What can be taken along of an open study or of an evaluation; withdrawn when that is closed.

    Attributes
    ----------
    make : callable or None
        None where there is no answer, or none that may be shown.
    name : str
        Of the files, without an ending; it says nothing of the patient.
    formats : mapping of str to Format
        What there is to choose from, by the word that asks for it.
    owner : str
        Whose it is: to nobody else is anything made.
    token : str
        Nobody can guess it: whoever knows it has the page in front of them.
    """

    make: Make | None = None
    name: str = "lightbox"
    formats: Mapping[str, Format] = field(default_factory=lambda: FORMATS)
    owner: str = field(default_factory=lambda: current_user().id)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def __post_init__(self) -> None:
        _offers[self.token] = self

    def withdraw(self) -> None:
        """Offer nothing any more."""
        self.make = None


_offers: WeakValueDictionary[str, Offer] = WeakValueDictionary()


def serve_file(request: Request) -> Response:
    """Answer a form, of `core.ui.export` or `core.ui.evaluate.taking`, with a file.

    A failure is a file as well, which says why: for anything else, a status of failure included, a browser leaves the
    page, and the study that is open there is lost. Somebody else's address gets what a made-up one gets.
    """
    user = user_of(request.scope)
    offer = _offers.get(request.path_params["token"])
    if user is None or offer is None or offer.owner != user.id:
        return _failure(GONE)
    make, format_ = offer.make, request.query_params.get("format", "")
    if make is None or format_ not in offer.formats:
        return _failure(GONE)
    return _made(make, offer, format_, with_identity="identity" in request.query_params)


def _made(make: Make, offer: Offer, key: str, *, with_identity: bool) -> Response:
    try:
        content = make(key, with_identity)
    except CoreError as error:
        return _failure(str(error))
    except Exception as error:
        log_calmly(error)
        return _failure(UNFORESEEN)
    format_ = offer.formats[key]
    name = f"{format_.name or offer.name}.{format_.ending}"
    return Response(content, media_type=format_.media_type, headers=_attached(name))


def _failure(words: str) -> Response:
    return PlainTextResponse(words, headers=_attached(NO_FILE))


def _attached(name: str) -> dict[str, str]:
    return {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }


ROUTE = Route(f"/{PATH}/{{token}}", serve_file)
