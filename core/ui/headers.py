"""Headers that tell a browser what a page of this server may do: run its own program, and nothing of anybody else's.

`Strict-Transport-Security` is not among them: whether a name is reached by HTTPS alone is known to the proxy.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.ui.access.sign_in import is_secure
from core.ui.access.start import settings

CONTENT: Final = {
    "default-src": "'self'",
    # Streamlit starts the viewer from a blob, which only a program that runs here already can make.
    "script-src": "'self' blob:",
    # Streamlit's program writes its styles into the document while it runs.
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "media-src": "'self' data: blob:",
    "connect-src": "'self'",
    "worker-src": "'self' blob:",
    "frame-src": "'none'",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
POLICY: Final = "content-security-policy"
FIXED: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), "
    "magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_INLINE: Final = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def policy(document: bytes = b"") -> str:
    """Return the Content-Security-Policy of an answer.

    Parameters
    ----------
    document : bytes
        Of the server's own: the scripts that are written in it may run, by their digests (CSP Level 3, section 8.4).
    """
    digests = [base64.b64encode(hashlib.sha256(script).digest()).decode() for script in _INLINE.findall(document)]
    scripts = " ".join([CONTENT["script-src"], *(f"'sha256-{digest}'" for digest in digests)])
    return "; ".join(f"{name} {value}" for name, value in (CONTENT | {"script-src": scripts}).items())


class Protected:
    """ASGI middleware that puts these headers on every answer, refusals included."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def protect(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in FIXED.items():
                    headers[name] = value
                headers.setdefault(POLICY, policy())
                if scope["scheme"] == "https" or (settings().mode == "oidc" and is_secure()):
                    message["headers"] = [_kept_to_https(*each) for each in message["headers"]]
            await send(message)

        await self.app(scope, receive, protect)


def _kept_to_https(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """Let a cookie travel by HTTPS only. Streamlit leaves that out, since it does not see what the proxy does."""
    if name.lower() != b"set-cookie" or b"secure" in [part.strip().lower() for part in value.split(b";")]:
        return name, value
    return name, value + b"; Secure"
