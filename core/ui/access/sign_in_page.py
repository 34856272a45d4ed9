"""What a browser shows to whoever is not signed in: a document of its own, without any program."""

from __future__ import annotations

from html import escape

from starlette.responses import HTMLResponse, Response

from core.errors import AccessError

_DOCUMENT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Lightbox: sign in</title>
<style>
:root {{ color-scheme: dark light }}
body {{ margin: 0; min-height: 100vh; display: grid; place-content: center; justify-items: center; gap: 1rem;
  background: #0f1114; color: #e4e7ea; font: 16px/1.5 system-ui, sans-serif; text-align: center }}
h1 {{ margin: 0; font-size: 1.6rem; font-weight: 600 }}
p {{ margin: 0; max-width: 28rem; color: #a9b1b9 }}
a {{ padding: .6rem 1.4rem; border-radius: 4px; background: #4fa3d1; color: #0b1216; font-weight: 600;
  text-decoration: none }}
a:focus-visible {{ outline: 2px solid #e4e7ea; outline-offset: 2px }}
</style>
</head>
<body>
<h1>Lightbox</h1>
<p>{words}</p>
<a href="{target}">{action}</a>
<p>Not for diagnostic use.</p>
</body>
</html>
"""


def sign_in_page(error: AccessError) -> Response:
    """Answer a request for a page from somebody who may not see it (yet)."""
    if error.code == "access-sign-in":
        return _page(401, "An AI reading desk for radiologists. Sign in to use it.", "/sign-in", "Sign in")
    words = f"{error.message} Ask whoever runs this server, or sign in as somebody else."
    return _page(403, words, "/auth/logout", "Sign out")


def _page(status: int, words: str, target: str, action: str) -> Response:
    content = _DOCUMENT.format(words=escape(words), target=target, action=action)
    return HTMLResponse(content, status_code=status, headers={"Cache-Control": "no-store"})
