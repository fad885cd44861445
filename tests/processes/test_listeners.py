"""Listening addresses are read strictly."""

from __future__ import annotations

import pytest

from mailgate.listeners import Endpoint, parse_endpoint


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("192.0.2.1:993", Endpoint("192.0.2.1", 993)),
        ("[::]:993", Endpoint("::", 993)),
        ("localhost:0", Endpoint("localhost", 0)),
        ("127.0.0.1:65535", Endpoint("127.0.0.1", 65535)),
    ],
)
def test_an_address_reads_and_writes_the_same(text: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(text) == endpoint
    assert str(endpoint) == text


@pytest.mark.parametrize(
    "text",
    ["", "993", ":993", "host", "host:", "host:65536", "host:-1", "host:9 3", "host:٩٩٣", "::1:993", "host:imaps"],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"host:port|in brackets"):
        parse_endpoint(text)
