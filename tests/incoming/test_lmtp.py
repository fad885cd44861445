"""Mail from a server in front over real LMTP, on both stores: policy as for the MX, an answer for each recipient."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import Callable, Sequence

import pytest

from mailgate.delivery import incoming
from mailgate.policy.matrix import Verdict
from tests.incoming.conftest import SENDER, Site, note
from tests.incoming.test_incoming import COLLEGE, DOMAIN, PUPIL, SIGN_IN, TEACHER

PROFS = f"profs@{DOMAIN}"


Between = Callable[[], None]


def hand_over(site: Site, content: bytes, to: Sequence[str], sender: str, between: Between) -> dict[str, str]:
    """What is said to each recipient at last: `sendmail` of Python's client reads one answer whatever their number."""
    with smtplib.LMTP(str(site.lmtp), local_hostname="front", timeout=20) as front:
        front.ehlo_or_helo_if_needed()
        said = {"": front.mail(sender)} | {one: front.rcpt(one) for one in to}
        taken = [one for one in to if said[one][0] == 250]
        if taken:
            between()
            front.putcmd("data")
            assert front.getreply()[0] == 354
            front.send(content + b".\r\n")
            said |= {one: front.getreply() for one in taken}
    return {one: f"{code} {text.decode()}" for one, (code, text) in said.items()}


async def over(
    site: Site, content: bytes, *to: str, sender: str = SENDER, between: Between = lambda: None
) -> dict[str, str]:
    return await asyncio.to_thread(hand_over, site, content, to, sender, between)


async def test_a_message_is_delivered_and_its_trace_says_how_it_came(site: Site) -> None:
    assert site.lmtp.stat().st_mode & 0o777 == 0o600
    assert (await over(site, note("by lmtp"), TEACHER))[TEACHER].startswith("250 2.0.0 Delivered as ")
    [message] = [one for one in await site.inbox(TEACHER) if b"Subject: by lmtp" in one]
    assert message.startswith(b"Return-Path: <ami@elsewhere.example>\r\nReceived: from front ([127.0.0.1])\r\n")
    assert b"with LMTP id " in message


async def test_the_policy_is_that_of_the_mx(site: Site) -> None:
    said = await over(site, note("policy"), TEACHER, PUPIL, PROFS, "nobody@elsewhere.example")
    assert [said[one][:9] for one in (PUPIL, PROFS, "nobody@elsewhere.example")] == ["550 5.7.1"] * 3
    assert said[TEACHER].startswith("250 2.0.0")
    assert (await over(site, note("name"), TEACHER, sender=TEACHER))[""] == SIGN_IN


async def test_what_one_list_does_not_take_the_others_get(site: Site) -> None:
    await site.cell(COLLEGE, "school.profs", Verdict.ALLOW)
    automatic = note("absent", extra="Auto-Submitted: auto-replied\r\n")
    said = await over(site, automatic, PROFS, TEACHER)
    assert (said[PROFS][:9], said[TEACHER][:9]) == ("550 5.7.1", "250 2.0.0")
    assert len([one for one in await site.inbox(TEACHER) if b"Subject: absent" in one]) == 1
    assert (await over(site, automatic, PROFS))[PROFS] == said[PROFS]


async def test_who_may_not_have_it_any_more_is_refused_alone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "FRESH", -1.0)
    await site.cell(COLLEGE, "pupil", Verdict.ALLOW)
    loop = asyncio.get_running_loop()

    def close() -> None:
        asyncio.run_coroutine_threadsafe(site.cell(COLLEGE, "pupil", Verdict.REFUSE), loop).result(20)

    said = await over(site, note("too late"), PUPIL, TEACHER, between=close)
    assert (said[PUPIL][:9], said[TEACHER][:9]) == ("550 5.7.1", "250 2.0.0")
    assert [one for one in await site.inbox(TEACHER) if b"Subject: too late" in one]


async def test_a_message_without_an_author_is_refused_to_each(site: Site) -> None:
    said = await over(site, b"Subject: nobody\r\n\r\nx\r\n", TEACHER, f"secretariat@{DOMAIN}")
    assert [answer[:9] for address, answer in said.items() if address] == ["554 5.6.0"] * 2
