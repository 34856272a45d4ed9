from __future__ import annotations

import pytest

from core.ui.access.local import is_loopback, refusal


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]", "unix:///run/lightbox"])
def test_loopback_addresses_are_let_in(address: str) -> None:
    assert is_loopback(address)
    assert refusal(address=address, visitor=None) == ""


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.0.7", "10.1.1.1", "reading-room.example", "", None])
def test_a_server_that_others_can_reach_is_refused_with_the_reason(address: str | None) -> None:
    reason = refusal(address=address, visitor=None)
    assert "others can reach it" in reason
    assert (address or "every address") in reason


def test_a_visitor_from_elsewhere_is_refused() -> None:
    assert "at its own machine" in refusal(address="localhost", visitor="192.168.0.9")
    assert refusal(address="localhost", visitor="127.0.0.1") == ""
