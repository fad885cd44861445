"""Listening addresses are read strictly."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest

from mailgate.app import Sockets
from mailgate.config import ConfigError, Mx, Proxy, Settings, Web
from mailgate.listeners import Endpoint, Place, UnixSocket, bind, bind_all, name_of, parse_endpoint, parse_place, rebind


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


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("192.0.2.1:993", Place(Endpoint("192.0.2.1", 993))),
        ("[::]:993 proxy", Place(Endpoint("::", 993), proxied=True)),
        ("unix:/run/mailgate/lmtp.sock", Place(UnixSocket(Path("/run/mailgate/lmtp.sock")))),
    ],
)
def test_a_place_reads_and_writes_the_same(text: str, place: Place) -> None:
    assert parse_place(text) == place
    assert str(place) == text


@pytest.mark.parametrize("text", ["host:1 proxied", "proxy host:1", "host:1  proxy", "unix:lmtp.sock", "unix:", "/x"])
def test_no_other_place_is_taken(text: str) -> None:
    with pytest.raises(ValueError, match=r"host:port|whole path"):
        parse_place(text)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        (Settings(mx=Mx(listen=("127.0.0.1:0 proxy",))), "proxy.trusted"),
        (Settings(web=Web(listen=("127.0.0.1:0 proxy",)), proxy=Proxy(trusted=("127.0.0.0/8",))), "web.listen"),
        (Settings(mx=Mx(listen=("unix:/nowhere/mx.sock",))), "mx.listen"),
    ],
)
def test_what_cannot_be_is_refused_by_name(settings: Settings, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Sockets.bound(settings)
    assert caught.value.key == key


def test_the_word_proxy_stays_with_every_socket_of_an_address() -> None:
    with bind(parse_place("127.0.0.1:0 proxy")) as first, rebind(first) as second:
        assert first.proxied
        assert second.proxied
        assert name_of(first) == name_of(second)


def test_a_unix_socket_has_its_permissions_before_anybody_connects(tmp_path: Path) -> None:
    path = tmp_path / "lmtp.sock"
    with bind(Place(UnixSocket(path, 0o620))) as first, rebind(first) as second:
        assert path.stat().st_mode & 0o777 == 0o620
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
            assert client.connect_ex(str(path)) != 0
            second.listen()
            assert client.connect_ex(str(path)) == 0
        with pytest.raises(OSError, match=r"cannot listen on unix:.*in use"):
            bind(Place(UnixSocket(path)))


def test_a_unix_socket_that_was_left_behind_is_taken_and_nothing_else_is(tmp_path: Path) -> None:
    path = tmp_path / "lmtp.sock"
    bind(Place(UnixSocket(path))).close()
    bind(Place(UnixSocket(path))).close()
    other = tmp_path / "file"
    other.write_text("precious")
    with pytest.raises(OSError, match="cannot listen"):
        bind_all([Place(UnixSocket(other))])
    with pytest.raises(OSError, match="no group"):
        bind(Place(UnixSocket(tmp_path / "x", group="no such group")))
    assert other.read_text() == "precious"
