"""FUTURERELEASE (RFC 4865) on the wire: what is offered, what is taken, and what is refused."""

from __future__ import annotations

import contextlib
import datetime
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp.future_release import Hold, date_time, parse_hold
from smtp.handler import SmtpError
from smtp.limits import Limits
from tests.smtp.conftest import USER, Start
from tests.smtp.test_mx import StartMx, start_mx

__all__ = ["start_mx"]
DAY = 86_400


async def test_limits_are_offered_under_tls_and_what_is_asked_is_kept(start: Start) -> None:
    server = await start(Limits(auth_delay=0, future_release=DAY))
    wire = await server.connect(starttls=True)
    await wire.reply()
    assert "FUTURERELEASE" not in await wire.ask("EHLO pc")
    wire = await server.connect()
    await wire.sign_in()
    [offered] = [line for line in (await wire.ask("EHLO pc")).split("\n") if "FUTURERELEASE" in line]
    _, interval, latest = offered.split()
    assert interval == str(DAY)
    assert abs(datetime.datetime.fromisoformat(latest).timestamp() - time.time() - DAY) < 60
    until = date_time(time.time() + 7_200)
    for parameter in ("HOLDFOR=3600", f"HOLDUNTIL={until}", "HOLDUNTIL=2020-01-31T08:00:00Z"):
        await wire.begin(mail=f"MAIL FROM:<{USER}> {parameter}")
        assert (await wire.data(b"From: <prof@ecole.example>\r\n\r\n.\r\n")).startswith("250")
    first, second, third = (envelope for envelope, _ in server.school.delivered)
    assert 0 <= first.release_at - time.time() - 3_540 <= 62
    assert (first.release_request, second.release_request) == ("for;3600", f"until;{until}")
    assert date_time(second.release_at) == until
    assert (third.release_at, third.release_request) == (0, "")


@pytest.mark.parametrize(
    "parameters",
    [
        "HOLDFOR=86401", "HOLDFOR=0", "HOLDFOR", "HOLDFOR=-1", "HOLDFOR=1000000000", "HOLDFOR=1 HOLDFOR=2",
        "HOLDUNTIL", "HOLDUNTIL=2999-01-31T08:00:00Z", "HOLDUNTIL=tomorrow", "HOLDUNTIL=2026-02-30T08:00:00Z",
        "HOLDUNTIL=2030-01-31T08:00:00+01:00", "HOLDFOR=60 HOLDUNTIL=2030-01-31T08:00:00Z",
    ],
)  # fmt: skip
async def test_what_is_invalid_or_too_late_is_refused(start: Start, parameters: str) -> None:
    server = await start(Limits(auth_delay=0, future_release=DAY))
    wire = await server.connect()
    await wire.sign_in()
    assert (await wire.ask(f"MAIL FROM:<{USER}> {parameters}")).startswith("501 5.5.4")


async def test_where_it_is_not_offered_it_is_not_taken(start: Start, start_mx: StartMx) -> None:
    server = await start()
    wire = await server.connect()
    await wire.sign_in()
    assert "FUTURERELEASE" not in await wire.ask("EHLO pc")
    assert (await wire.ask(f"MAIL FROM:<{USER}> HOLDFOR=60")).startswith("555 5.5.4")
    exchanger = await (await start_mx(future_release=DAY)).greeted()
    assert "FUTURERELEASE" not in await exchanger.ask("EHLO relay.elsewhere.example")
    assert (await exchanger.ask("MAIL FROM:<a@x.example> HOLDFOR=60")).startswith("555 5.5.4")


def test_times_are_those_of_the_request() -> None:
    assert parse_hold("60", None) == Hold(seconds=60)
    assert Hold(seconds=60).release_at(1_000.9) >= 1_060.9
    assert str(parse_hold(None, "2030-01-31t08:00:00.5z")) == "until;2030-01-31T08:00:00Z"


@given(st.one_of(st.none(), st.text(max_size=30)), st.text(max_size=40))
def test_any_value_is_read_or_refused(interval: str | None, until: str) -> None:
    with contextlib.suppress(SmtpError):
        assert parse_hold(interval, None if interval is not None else until).release_at(0) > 0
