"""What the server answers beside the pages: the viewer's program, and pixels to whoever holds a token.

    GET /viewer/program/{version}/{name}    a file of the program; the version is a digest of all of them
    GET /viewer/pixels/{index}              one slice or frame, for the token in the header `Lightbox-Token`

Neither an address nor a log says anything about a patient or a study.
"""

from __future__ import annotations

import hashlib
import threading
from functools import lru_cache
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from streamlit.web.server.starlette.starlette_app_utils import decode_xsrf_token_string
from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME

from core.errors import CoreError
from core.ui.access import user_of
from core.ui.failure import UNFORESEEN, log_calmly
from core.ui.viewer.encoding import encode_frame
from core.ui.viewer.source import PixelSource
from core.ui.viewer.store import STORE

PROGRAM = Path(__file__).with_name("program")
TOKEN_HEADER: Final = "Lightbox-Token"  # noqa: S105  the name of a header
TYPES = {".mjs": "text/javascript"}

_PRIVATE = {
    "Cache-Control": "no-store",
    # Streamlit's server would compress the answer, which takes longer than sending it does.
    "Content-Encoding": "identity",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_encoding = threading.BoundedSemaphore(3)
"""So many pictures are decoded and packed at a time: what is in memory on its way out stays bounded."""


def send_pixels(request: Request) -> Response:
    """Answer with one picture of the series that the token is for; see `core.ui.viewer.encoding`."""
    user = user_of(request.scope)
    if user is None:
        return _refused(403, "no-access", "This server is not open to you.")
    mark = browser_mark(request.cookies.get(XSRF_COOKIE_NAME))
    source = STORE.find(request.headers.get(TOKEN_HEADER, ""), browser=mark, user=user.id)
    if source is None:
        return _ended()
    index: int = request.path_params["index"]
    if index >= len(source):
        return _refused(404, "no-such-frame", f"The series has {len(source)} images.")
    return _picture(source, index)


def _picture(source: PixelSource, index: int) -> Response:
    try:
        with _encoding:
            content = encode_frame(source.image(index), source.series.frames[index], source.series.acquisition)
    except IndexError:
        return _ended()
    except CoreError as error:
        return _refused(422, error.code, str(error))
    except Exception as error:
        log_calmly(error)
        return _refused(500, "unforeseen", UNFORESEEN)
    return Response(content, media_type="application/octet-stream", headers=_PRIVATE)


def send_program(request: Request) -> Response:
    """Answer with a file of the viewer's program."""
    content = _program().get(request.path_params["name"])
    if content is None or request.path_params["version"] != program_version():
        return _refused(404, "no-such-file", "There is no such file.")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=TYPES[".mjs"], headers=headers)


def program_version() -> str:
    """Return a digest of the program, so that a browser never runs parts of two versions."""
    parts = [name.encode() + content for name, content in sorted(_program().items())]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def browser_mark(cookie: str | None) -> bytes | None:
    """Return what tells one browser from another: the secret in Streamlit's cookie against forged requests."""
    mark: bytes | None = decode_xsrf_token_string(cookie or "")[0]
    return mark


@lru_cache
def _program() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in PROGRAM.iterdir() if path.suffix in TYPES}


def _ended() -> Response:
    return _refused(403, "token-ended", "The study was closed, or its time has run out.")


def _refused(status: int, code: str, message: str) -> Response:
    return JSONResponse({"code": code, "message": message}, status_code=status, headers=_PRIVATE)


PIXEL_ROUTES = (
    Route("/viewer/pixels/{index:int}", send_pixels, methods=["GET"]),
    Route("/viewer/program/{version}/{name}", send_program, methods=["GET"]),
)
"""For `routes=` of the application."""
