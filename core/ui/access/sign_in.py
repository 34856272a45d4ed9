"""Mode `oidc`: Streamlit signs people in at an OpenID provider and keeps who they are in a signed cookie.

Streamlit itself reads that cookie only where a page's WebSocket opens. The gate reads it for every address, with the
same keys, and lets it end sooner.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from streamlit.auth_util import (
    encode_provider_token,
    get_cookie_with_chunks,
    get_origin_from_redirect_uri,
    get_redirect_uri,
    get_secrets_auth_section,
    is_authlib_installed,
)
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from core.errors import AccessError
from core.ui.access.local import is_loopback
from core.ui.access.user import User, known_user

SECRET_LENGTH = 32
PROVIDER = "default"
NEEDED = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")


def read_claims(cookies: Mapping[str, str], *, hours: float) -> dict[str, Any] | None:
    """Return what the provider said of whoever sends these cookies; None where nobody is signed in any more."""

    def read(name: str) -> bytes | None:
        # HTTP carries cookies as Latin-1.
        value = cookies.get(name, "").encode("latin-1", errors="replace")
        return decode_signed_value(get_cookie_secret(), name, value, max_age_days=hours / 24)

    content = get_cookie_with_chunks(read, USER_COOKIE_NAME)
    if content is None:
        return None
    claims: dict[str, Any] = json.loads(content)
    is_ours = claims.get("origin") == get_origin_from_redirect_uri() and claims.get("is_logged_in") is True
    return claims if is_ours and claims.get("sub") else None


def user_from(claims: Mapping[str, Any]) -> User:
    """Return the user whom a provider describes, by its own identifier: addresses are given to others one day."""
    name = claims.get("name") or claims.get("preferred_username") or claims.get("email") or "Signed in"
    return known_user("oidc", str(claims.get("iss", "")), str(claims["sub"]), name=str(name))


def sign_in_path() -> str:
    """Return where a browser goes to sign in. The address is good for two minutes."""
    return f"/auth/login?provider={encode_provider_token(PROVIDER)}"


def is_secure() -> bool:
    """Whether people reach this server by HTTPS, so that its cookies must never travel otherwise."""
    return (get_origin_from_redirect_uri() or "").startswith("https://")


def check_provider() -> None:
    """Make sure that people can sign in.

    Raises
    ------
    AccessError
        Something that signing in needs is missing or too weak.
    """
    if not is_authlib_installed():
        raise _error("the package Authlib is not installed", "Install requirements.txt.")
    section = get_secrets_auth_section()
    missing = [key for key in NEEDED if not section.get(key)]
    if missing:
        raise _error(
            f"the section [auth] of .streamlit/secrets.toml lacks {', '.join(missing)}",
            "README, Access, shows what belongs into it.",
        )
    if len(str(section["cookie_secret"])) < SECRET_LENGTH:
        raise _error(
            f"cookie_secret is shorter than {SECRET_LENGTH} characters",
            'Make one: python -c "import secrets; print(secrets.token_hex(32))".',
        )
    _check_address(get_redirect_uri(section) or "")


def _check_address(redirect_uri: str) -> None:
    address = urlsplit(redirect_uri)
    if address.path != "/oauth2callback":
        raise _error("redirect_uri does not end in /oauth2callback", "Write https://YOUR.NAME/oauth2callback.")
    if address.scheme != "https" and not is_loopback(address.hostname):
        raise _error("redirect_uri is no https address", "Who signs in must do so by HTTPS.")
    if not is_host_allowed(address.netloc):
        raise _error(
            f"requests to {address.hostname} would be refused",
            f"Start with --server.allowedHosts {address.hostname}.",
        )


def _error(what: str, hint: str) -> AccessError:
    return AccessError(f"LIGHTBOX_ACCESS is oidc, but {what}.", hint=hint, code="access-settings")
