"""The settings that keep studies on this machine: a test, since a setting that is lost is not missed."""

from __future__ import annotations

import tomllib

import pytest

from tests.conftest import CHECKOUT

SETTINGS = tomllib.loads((CHECKOUT / ".streamlit" / "config.toml").read_text("utf-8"))


@pytest.mark.parametrize(
    ("section", "option", "value"),
    [
        ("server", "address", "localhost"),
        ("server", "enableXsrfProtection", True),
        ("server", "enableCORS", True),
        ("server", "fileWatcherType", "none"),
        ("server", "enableStaticServing", False),
        ("browser", "gatherUsageStats", False),
        ("client", "showErrorDetails", "none"),
        ("client", "showErrorLinks", False),
    ],
)
def test_protection_is_on_and_reporting_is_off(section: str, option: str, value: object) -> None:
    assert SETTINGS[section][option] == value


def test_only_names_of_this_machine_are_answered() -> None:
    assert set(SETTINGS["server"]["allowedHosts"]) == {"localhost", "127.0.0.1", "::1"}


def test_an_upload_has_a_size_that_was_chosen() -> None:
    assert SETTINGS["server"]["maxUploadSize"] == 1024


def test_every_setting_is_known_to_streamlit() -> None:
    from streamlit import config

    known = set(config._config_options_template)
    sections = ("server", "browser", "client", "runner")
    assert {f"{section}.{option}" for section in sections for option in SETTINGS[section]} <= known
