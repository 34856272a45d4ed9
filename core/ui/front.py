"""The document that the browser loads first, before any script has run.

Streamlit's own is white until its program has loaded, and then follows the system's setting. A reading room is dark:
this middleware puts a dark ground into the document, and the dark theme where a visitor has not chosen another one
(in the menu at the top right).
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.ui.headers import POLICY, policy

# Streamlit 1.67 keeps the visitor's choice ("Light", "Dark", "System") under this key, for each address of its own.
HEAD = b"""
<style>html { background: #0f1114; color-scheme: dark }</style>
<script>
  try {
    const key = `stActiveTheme-${location.pathname}-v2`
    const choice = localStorage.getItem(key) ?? JSON.stringify("Dark")
    localStorage.setItem(key, choice)
    if (choice !== '"Dark"') document.querySelector("style").remove()
  } catch { /* storage is switched off: the system's setting decides */ }
</script>
"""


class DarkFirst:
    """ASGI middleware that puts `HEAD` into every HTML document of the server, files to take along left alone."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or "text/html" not in Headers(scope=scope).get("accept", ""):
            await self.app(scope, receive, send)
            return
        await self.app(_without_compression(scope), receive, _Rewriter(send))


class _Rewriter:
    """Holds the start of an HTML answer back until its length is known."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_document(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._start)

    async def _finish(self, start: Message) -> None:
        body = self._body.replace(b"<head>", b"<head>" + HEAD, 1)
        headers = MutableHeaders(raw=start["headers"])
        headers["content-length"] = str(len(body))
        headers[POLICY] = policy(body)
        # They describe the file, which is no longer what is sent.
        del headers["etag"]
        del headers["last-modified"]
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _is_document(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    is_page = headers.get("content-type", "").startswith("text/html") and "content-disposition" not in headers
    return start["status"] == 200 and is_page


def _without_compression(scope: Scope) -> Scope:
    kept = [(name, value) for name, value in scope["headers"] if name not in (b"accept-encoding", b"range")]
    return {**scope, "headers": kept}
