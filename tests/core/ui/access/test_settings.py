from __future__ import annotations

import pytest

from core.errors import AccessError
from core.ui.access.settings import VARIABLES, read_settings
from tests.conftest import CHECKOUT

PROXY = {"LIGHTBOX_ACCESS": "proxy", "LIGHTBOX_PROXIES": "127.0.0.1, 10.1.2.0/28, ::1"}
OIDC = {"LIGHTBOX_ACCESS": "oidc"}


def test_the_mode_is_local_where_nothing_is_said() -> None:
    for environment in ({}, {"LIGHTBOX_ACCESS": ""}, {"LIGHTBOX_ACCESS": " Local "}):
        assert read_settings(environment).mode == "local"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"LIGHTBOX_ACCESS": "none"}, "no access mode"),
        ({"LIGHTBOX_ACCESS": "proxy"}, "names no address"),
        (PROXY | {"LIGHTBOX_PROXIES": "proxy.example"}, "neither an address nor a network"),
        (PROXY | {"LIGHTBOX_PROXIES": "10.0.0.1/8"}, "neither an address nor a network"),
        (PROXY | {"LIGHTBOX_PROXIES": "127.0.0.1, 0.0.0.0/0"}, "every address"),
        (PROXY | {"LIGHTBOX_PROXIES": "::/0"}, "every address"),
        (PROXY | {"LIGHTBOX_USER_HEADER": "X_User"}, "no name of a header"),
        (PROXY | {"LIGHTBOX_USER_HEADER": "X-User: a"}, "no name of a header"),
        (OIDC, "does not say who may enter"),
        (OIDC | {"LIGHTBOX_USERS": " , "}, "does not say who may enter"),
        (OIDC | {"LIGHTBOX_USERS": "*", "LIGHTBOX_SIGN_IN_HOURS": "0"}, "number of hours"),
        (OIDC | {"LIGHTBOX_USERS": "*", "LIGHTBOX_SIGN_IN_HOURS": "nan"}, "number of hours"),
        (OIDC | {"LIGHTBOX_USERS": "*", "LIGHTBOX_SIGN_IN_HOURS": "long"}, "number of hours"),
    ],
)
def test_what_is_set_up_in_part_is_refused_with_the_reason(environment: dict[str, str], words: str) -> None:
    with pytest.raises(AccessError, match=words):
        read_settings(environment)


@pytest.mark.parametrize(
    ("address", "is_listed"),
    [
        ("127.0.0.1", True),
        ("10.1.2.15", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("127.0.0.2", False),
        ("10.1.2.16", False),
        ("::ffff:10.1.2.16", False),
        ("localhost", False),
        ("", False),
        (None, False),
    ],
)
def test_a_proxy_is_known_by_its_address(address: str | None, is_listed: bool) -> None:
    assert read_settings(PROXY).is_proxy(address) is is_listed


ANN = {"sub": "Ann-1", "email": "Ann@Clinic.example", "email_verified": True}


@pytest.mark.parametrize(
    ("users", "claims", "is_admitted"),
    [
        ("*", {"sub": "x"}, True),
        ("ann@clinic.example", ANN, True),
        ("bob@clinic.example, @clinic.example", ANN, True),
        ("sub:ann-1", ANN, True),
        ("bob@clinic.example", ANN, False),
        ("@linic.example", ANN, False),
        ("@clinic.example", ANN | {"email_verified": False}, False),
        ("@clinic.example", ANN | {"email_verified": "true"}, False),
        ("ann@clinic.example", {"sub": "2", "email": "ann@clinic.example"}, False),
        ("@clinic.example", ANN | {"email": "@clinic.example.evil"}, False),
        ("sub:none", {}, False),
    ],
)
def test_who_may_enter_is_listed(users: str, claims: dict[str, object], is_admitted: bool) -> None:
    assert read_settings(OIDC | {"LIGHTBOX_USERS": users}).admits(claims) is is_admitted


def test_every_setting_is_in_the_readme() -> None:
    readme = (CHECKOUT / "README.md").read_text("utf-8")
    assert [name for name in VARIABLES if name not in readme] == []
