"""Results that are kept up to date: UPDATE, ADDTO, REMOVEFROM, CANCELUPDATE (RFC 5267 section 4)."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import replace

import pytest

from imap import flags
from imap.backend import FlagAction, Rendered, Rendering
from imap.errors import ServiceUnavailable
from imap.limits import Limits
from tests.imap.conftest import Gateway, Talk, Tls, message
from tests.imap.memory_backend import MemoryAccount, MemoryBackend
from tests.imap.wire import Client


@pytest.fixture(autouse=True)
def mailbox(account: MemoryAccount) -> None:
    account.find("INBOX").uidnext = 11
    for number, subject in enumerate(("delta", "alpha", "charlie", "bravo"), 1):
        account.deliver(message(subject), mask=flags.SEEN * (number % 2))


async def test_flags_arrivals_and_expunges(talk: Talk, account: MemoryAccount) -> None:
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 SEARCH RETURN (UPDATE COUNT) UNSEEN
        A< * ESEARCH (TAG "a2") COUNT 2
        A< a2 OK …
        A: a3 UID SEARCH RETURN (UPDATE CONTEXT ALL) UNSEEN
        A< * ESEARCH (TAG "a3") UID ALL 12,14
        A< a3 OK …
        A: a4 STORE 2:3 +FLAGS.SILENT (\\Seen)
        A< * ESEARCH (TAG "a2") REMOVEFROM (0 2)
        A< * ESEARCH (TAG "a3") UID REMOVEFROM (0 12)
        A< a4 OK …
        A: a5 STORE 1,3 -FLAGS (\\Seen)
        A< * 1 FETCH (FLAGS (\\Recent))
        A< * 3 FETCH (FLAGS (\\Recent))
        A< * ESEARCH (TAG "a2") ADDTO (0 1,3)
        A< * ESEARCH (TAG "a3") UID ADDTO (0 11,13)
        A< a5 OK …
        """
    )
    account.deliver(message("echo"))
    account.deliver(message("foxtrot"), mask=flags.SEEN)
    account.deliver(message("golf"))
    await talk(
        """
        A: a6 NOOP
        A< * 7 EXISTS
        A< * 7 RECENT
        A< * ESEARCH (TAG "a2") ADDTO (0 5,7)
        A< * ESEARCH (TAG "a3") UID ADDTO (0 15,17)
        A< a6 OK …
        B: b1 SELECT INBOX
        B* b1 OK …
        B: b2 STORE 3,6,7 +FLAGS.SILENT (\\Deleted)
        B* b2 OK …
        B: b3 EXPUNGE
        B* b3 OK …
        A: a7 FETCH 1 UID
        A* * 1 FETCH (UID 11)
        A< * ESEARCH (TAG "a2") REMOVEFROM (0 3,7)
        A< * ESEARCH (TAG "a3") UID REMOVEFROM (0 13,17)
        A* a7 OK …
        A: a8 NOOP
        A< * 7 EXPUNGE
        A< * 6 EXPUNGE
        A< * 3 EXPUNGE
        A< a8 OK …
        A: a9 CANCELUPDATE "a2" "a3"
        A< a9 OK …
        A: b1 STORE 1 +FLAGS.SILENT (\\Seen)
        A< b1 OK …
        """
    )


async def test_sorted_results(talk: Talk, account: MemoryAccount) -> None:
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 UID SORT RETURN (UPDATE ALL) (SUBJECT) UTF-8 ALL
        A< * ESEARCH (TAG "a2") UID ALL 12,14,13,11
        A< a2 OK …
        A: a3 SORT RETURN (UPDATE PARTIAL 1:2 COUNT) (REVERSE SUBJECT) UTF-8 UNSEEN
        A< * ESEARCH (TAG "a3") COUNT 2 PARTIAL (1:2 4,2)
        A< a3 OK …
        """
    )
    for subject in ("Re: charlie", "aardvark", "beta", "bravissimo", "zulu"):
        account.deliver(message(subject))
    await talk(
        """
        A: a4 NOOP
        A< * 9 EXISTS
        A< * 9 RECENT
        A< * ESEARCH (TAG "a2") UID ADDTO (1 16 3 17:18 7 15 9 19)
        A< * ESEARCH (TAG "a3") ADDTO (1 9,5 4 8,7 7 6)
        A< a4 OK …
        """
    )
    await talk(
        """
        A: a5 STORE 5:6,9 +FLAGS.SILENT (\\Seen \\Deleted)
        A< * ESEARCH (TAG "a3") REMOVEFROM (1 9,5 5 6)
        A< a5 OK …
        A: a6 EXPUNGE
        A< * ESEARCH (TAG "a2") UID REMOVEFROM (1 16 6 15 7 19)
        A< * 9 EXPUNGE
        A< * 6 EXPUNGE
        A< * 5 EXPUNGE
        A< a6 OK …
        """
    )


async def test_while_idle(talk: Talk, account: MemoryAccount) -> None:
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 SEARCH RETURN (UPDATE) FLAGGED SUBJECT a
        A< * ESEARCH (TAG "a2")
        A< a2 OK …
        A: a3 IDLE
        A< + …
        """
    )
    account.deliver(message("alto"), mask=flags.FLAGGED)
    await talk('A< * 5 EXISTS\nA< * 5 RECENT\nA< * ESEARCH (TAG "a2") ADDTO (0 5)')
    await account.store(
        account.find("INBOX").ref, [12, 15], action=FlagAction.REPLACE, flags=flags.FLAGGED, keywords=()
    )
    await talk('A< * 2 FETCH …\nA< * ESEARCH (TAG "a2") ADDTO (0 2)')
    account.find("INBOX").remove([15])
    account._tell("INBOX")
    await talk('A< * ESEARCH (TAG "a2") REMOVEFROM (0 5)\nA< * 5 EXPUNGE')
    await talk("A: DONE\nA< a3 OK …")


async def test_numbers_mean_what_they_meant(talk: Talk, account: MemoryAccount) -> None:
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 SEARCH RETURN (SAVE) 4
        A< a2 OK …
        A: a3 SEARCH RETURN (UPDATE ALL) OR 2:* $ UNDELETED
        A< * ESEARCH (TAG "a3") ALL 2:4
        A< a3 OK …
        A: a4 UID SEARCH RETURN (UPDATE ALL) UID *
        A< * ESEARCH (TAG "a4") UID ALL 14
        A< a4 OK …
        A: a5 UID SEARCH RETURN (UPDATE ALL) UID 15:20
        A< * ESEARCH (TAG "a5") UID
        A< a5 OK …
        """
    )
    account.deliver(message("new"))
    account.find("INBOX").remove([11])
    account._tell("INBOX")
    await talk(
        """
        A: b1 NOOP
        A< * 1 EXPUNGE
        A< * 4 EXISTS
        A< * 4 RECENT
        A< * ESEARCH (TAG "a4") UID REMOVEFROM (0 14) ADDTO (0 15)
        A< * ESEARCH (TAG "a5") UID ADDTO (0 15)
        A< b1 OK …
        """
    )
    account.find("INBOX").remove([15])
    account._tell("INBOX")
    await talk(
        """
        A: b2 NOOP
        A< * ESEARCH (TAG "a4") UID REMOVEFROM (0 15)
        A< * ESEARCH (TAG "a5") UID REMOVEFROM (0 15)
        A< * 4 EXPUNGE
        A< * ESEARCH (TAG "a4") UID ADDTO (0 14)
        A< b2 OK …
        """
    )


async def test_tags_and_ends(talk: Talk) -> None:
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 SEARCH RETURN (UPDATE COUNT) FLAGGED
        A< * ESEARCH (TAG "a2") COUNT 0
        A< a2 OK …
        A: a2 SORT RETURN (UPDATE) (DATE) UTF-8 ALL
        A< a2 BAD Tag reuse…
        A: a2 SEARCH RETURN (COUNT) ALL
        A< * ESEARCH (TAG "a2") COUNT 4
        A< a2 OK …
        A: a3 CANCELUPDATE "a9"
        A< a3 BAD …
        A: a4 CANCELUPDATE
        A< a4 BAD …
        A: a5 CANCELUPDATE a2
        A< a5 BAD …
        A: a6 SEARCH RETURN (UPDATE COUNT) CHARSET X ALL
        A< a6 NO [BADCHARSET …
        A: a6 CANCELUPDATE "a6"
        A< a6 BAD …
        A: a7 SEARCH RETURN (UPDATE SAVE) ALL
        A< * ESEARCH (TAG "a7")
        A< a7 OK …
        A: a8 STORE 1 +FLAGS (\\Flagged)
        A< * 1 FETCH …
        A< * ESEARCH (TAG "a2") ADDTO (0 1)
        A< a8 OK …
        A: a9 SELECT INBOX
        A* a9 OK …
        A: b1 STORE 2 +FLAGS (\\Flagged)
        A< * 2 FETCH …
        A< b1 OK …
        A: b2 CANCELUPDATE "a2"
        A< b2 BAD …
        """
    )


async def test_while_the_store_does_not_answer(
    talk: Talk, account: MemoryAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def broken(_: MemoryAccount, ids: Collection[bytes], _which: Rendering) -> Mapping[bytes, Rendered]:
        asked.append(ids)
        raise ServiceUnavailable("Later")

    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 SEARCH RETURN (UPDATE COUNT) FLAGGED SUBJECT a
        A< * ESEARCH (TAG "a2") COUNT 0
        A< a2 OK …
        """
    )
    with monkeypatch.context() as broke:
        broke.setattr(MemoryAccount, "rendered", broken)
        await talk(
            """
            A: a3 STORE 1 +FLAGS.SILENT (\\Flagged)
            A< a3 OK …
            A: a4 IDLE
            A< + …
            """
        )
        await account.store(account.find("INBOX").ref, [12], FlagAction.REPLACE, flags.FLAGGED, ())
        await talk("A< * 2 FETCH …\nA: DONE\nA< a4 OK …")
        assert len(asked) <= 6, "nobody asks again and again"
    await talk('A: a5 NOOP\nA< * ESEARCH (TAG "a2") ADDTO (0 1:2)\nA< a5 OK …')


async def test_by_notify_without_idle(talk: Talk, account: MemoryAccount) -> None:
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 SEARCH RETURN (UPDATE COUNT) UNSEEN
        A< * ESEARCH (TAG "a2") COUNT 2
        A< a2 OK …
        A: a3 NOTIFY SET (SELECTED (MessageNew MessageExpunge FlagChange))
        A* a3 OK …
        """
    )
    account.deliver(message("echo"))
    await talk('A< * 5 EXISTS\nA< * 5 RECENT\nA< * ESEARCH (TAG "a2") ADDTO (0 5)')
    account.find("INBOX").remove([15])
    account._tell("INBOX")
    await talk('A< * ESEARCH (TAG "a2") REMOVEFROM (0 5)\nA< * 5 EXPUNGE')


@pytest.fixture
async def narrow(tls: Tls) -> AsyncIterator[Gateway]:
    running = Gateway(MemoryBackend(MemoryAccount(1, "ada", "secret")), tls)
    await running.start(replace(Limits(), update_contexts=2, sorted_results=3))
    yield running
    await running.stop()


async def test_more_than_can_be_kept(narrow: Gateway) -> None:
    for subject in ("b", "a"):
        narrow.account.deliver(message(subject))
    client = await narrow.client()
    await client.ok("SELECT INBOX")
    first = await client.ok("SORT RETURN (UPDATE COUNT) (DATE) UTF-8 ALL")
    assert first == [b'* ESEARCH (TAG "t3") COUNT 2']
    refused = await client.ok("SORT RETURN (UPDATE ALL) (SUBJECT) UTF-8 ALL")
    assert refused == [b'* ESEARCH (TAG "t4") ALL 2,1', b'* NO [NOUPDATE "t4"] Too many contexts']
    assert await client.ok("SEARCH RETURN (UPDATE COUNT) ALL") == [b'* ESEARCH (TAG "t5") COUNT 2']
    refused = await client.ok("SEARCH RETURN (UPDATE COUNT) ALL")
    assert refused == [b'* ESEARCH (TAG "t6") COUNT 2', b'* NO [NOUPDATE "t6"] Too many contexts']
    await client.ok('CANCELUPDATE "t3"')
    assert await client.ok("SORT RETURN (UPDATE ALL) (SUBJECT) UTF-8 ALL") == [b'* ESEARCH (TAG "t8") ALL 2,1']


class Kept:
    """The results of one context as its client keeps them; numbers are turned into UIDs as they are read."""

    def __init__(self, command: str, results: list[int]) -> None:
        self.command = command
        self.results = results

    def apply(self, data: str) -> None:
        for item, pairs in re.findall(r"(ADDTO|REMOVEFROM) \(([^)]*)\)", data):
            words = pairs.split()
            for position, numbers in zip(map(int, words[::2]), map(expand, words[1::2]), strict=True):
                if item == "ADDTO" and position:
                    self.results[position - 1 : position - 1] = numbers
                elif item == "ADDTO":
                    self.results = sorted([*self.results, *numbers])
                elif position:
                    assert self.results[position - 1 : position - 1 + len(numbers)] == numbers
                    del self.results[position - 1 : position - 1 + len(numbers)]
                else:
                    for number in numbers:
                        self.results.remove(number)


def expand(numbers: str) -> list[int]:
    found: list[int] = []
    for span in numbers.split(","):
        first, _, last = span.partition(":")
        found += range(int(first), int(last or first) + 1)
    return found


PROGRAMS = (
    "SEARCH RETURN (UPDATE ALL) UNSEEN",
    "SEARCH RETURN (UPDATE ALL) OR FLAGGED SUBJECT a",
    "SEARCH RETURN (UPDATE ALL) KEYWORD k NOT DELETED",
    "SEARCH RETURN (UPDATE ALL) UID 5:*",
    "SORT RETURN (UPDATE ALL) (REVERSE SUBJECT REVERSE SIZE) UTF-8 ALL",
    "SORT RETURN (UPDATE ALL) (REVERSE ARRIVAL) UTF-8 UNSEEN",
    "SORT RETURN (UPDATE ALL) (DISPLAYFROM SUBJECT) UTF-8 NOT FLAGGED",
)


def results(lines: list[bytes], tag: str) -> list[int]:
    found = re.search(rb'\(TAG "%b"\) UID ALL (\S+)' % tag.encode(), b"\n".join(lines))
    return expand(found[1].decode()) if found else []


async def act(chance: random.Random, account: MemoryAccount) -> None:
    """Another session does something."""
    box = account.find("INBOX")
    uids = [uid for uid in box.messages if chance.random() < 0.3]
    match chance.randrange(4):
        case 0:
            subject, sender = chance.choice("abcd"), chance.choice(["x@x", "y@y"])
            account.deliver(message(subject, "t" * chance.randrange(9), sender), mask=chance.randrange(2))
        case 1 if uids:
            box.remove(uids[:2])
            account._tell("INBOX")
        case _:
            action = chance.choice([FlagAction.ADD, FlagAction.REMOVE, FlagAction.REPLACE])
            keywords = ("k",) if chance.random() < 0.3 else ()
            await account.store(
                box.ref, uids, action, chance.choice([flags.SEEN, flags.FLAGGED, flags.SEEN | flags.DELETED]), keywords
            )


@pytest.mark.parametrize("seed", range(3))
async def test_a_client_that_applies_all_updates_has_the_results(
    client: Client, account: MemoryAccount, seed: int
) -> None:
    chance = random.Random(seed)
    await client.ok("SELECT INBOX")
    kept: dict[str, Kept] = {}
    for program in PROGRAMS:
        lines = await client.ok(f"UID {program}")
        kept[f"t{client.tags}"] = Kept(program, results(lines, f"t{client.tags}"))
    for _ in range(25):
        lines = await happening(chance, client, account)
        for line in map(bytes.decode, lines):
            if found := re.match(r'\* ESEARCH \(TAG "(t\d+)"\) UID (.*)', line):
                kept[found[1]].apply(found[2])
        for tag, context in kept.items():
            fresh = results(await client.ok(f"UID {context.command.replace('UPDATE ', '')}"), f"t{client.tags}")
            assert context.results == fresh, (tag, context.command)


async def happening(chance: random.Random, client: Client, account: MemoryAccount) -> list[bytes]:
    """Others do something, and the client a command that tells of it; all that it reads."""
    for _ in range(chance.randrange(4)):
        await act(chance, account)
    lines: list[bytes] = []
    match chance.randrange(4):
        case 0:
            lines = await client.ok("UID FETCH 1:* UID")
        case 1:
            lines = await client.command(f"STORE 1:2 {chance.choice('+-')}FLAGS.SILENT (\\Seen)")
        case 2:
            await client.send(b"idle IDLE\r\n")
            while not lines or not lines[-1].startswith(b"+"):
                lines.append(await client.line())
            await act(chance, account)
            await client.send(b"DONE\r\n")
            lines += await client.until("idle")
    return lines + await client.ok("NOOP")
