"""`mailgate check` says whether the servers that messages are shown to answer."""

from __future__ import annotations

import pytest

from mailgate import config
from mailgate.cli import check
from tests.filtering.arrivals import saying, server, silent
from tests.support.clamd import Clamd
from tests.support.rspamd import RspamdServer


def settings(clamav: str = "", rspamd: str = "") -> config.Settings:
    filters = config.Filters(clamav=config.ClamavFilter(server=clamav), rspamd=config.RspamdFilter(url=rspamd))
    return config.Settings(filters=filters)


async def test_servers_that_answer_are_named(clamd: Clamd, rspamd: RspamdServer) -> None:
    found = await check.filters(settings(clamd.unix, rspamd.url))
    assert [(one.subject, one.state) for one in found] == [("filters.clamav", "ok"), ("filters.rspamd", "ok")]
    assert found[0].text.startswith("ClamAV ")
    assert found[1].text.startswith("rspamd/")
    assert await check.filters(settings()) == []


async def test_what_does_not_answer_is_a_problem_with_its_consequence(monkeypatch: pytest.MonkeyPatch) -> None:
    clamav, rspamd = await check.filters(settings("/nowhere/clamd.sock", "http://127.0.0.1:9"))
    assert (clamav.state, rspamd.state) == ("problem", "problem")
    assert clamav.text == "no connection to clamd at /nowhere/clamd.sock: No such file or directory"
    assert clamav.mend.startswith("No message is taken until it answers: start it, or correct [filters.clamav]")
    assert rspamd.text == "no answer of rspamd at http://127.0.0.1:9: ConnectError"
    assert rspamd.mend.startswith("Messages are taken unseen until it answers: ")
    # Long enough to connect: what is given up while it connects is not closed by the HTTP client.
    monkeypatch.setattr(check, "_PATIENCE", 1.5)
    async with server(silent) as at:
        clamav, rspamd = await check.filters(settings(at, f"http://{at}"))
    assert clamav.text == rspamd.text == "no answer within 1.5 seconds"
    async with server(saying(b"220 mx ESMTP\r\n\0")) as at:
        [clamav] = await check.filters(settings(at))
    assert clamav.text == "it is no clamd: 220 mx ESMTP\\r\\n"
