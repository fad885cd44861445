"""STOREs sent without waiting for the answer to the one before: written together, answered as if they were not."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap import flags
from imap.limits import Limits
from imap.reader import CommandReader
from tests.imap.conftest import Gateway, message
from tests.imap.memory_backend import MemoryAccount
from tests.imap.memory_backend.mailbox import Mailbox
from tests.imap.wire import Client


@pytest.fixture(autouse=True)
def mailbox(account: MemoryAccount) -> None:
    """Five messages, UIDs 1 to 5, with modification sequences 2 to 6."""
    for number in range(5):
        account.deliver(message(f"m{number}"))
    account.find("INBOX").recent_from = 6


async def pipelined(client: Client, *commands: str) -> list[str]:
    """The answers to commands that are sent at once, with the tags a1, a2 and so on."""
    await client.send(b"".join(f"a{number} {text}\r\n".encode() for number, text in enumerate(commands, 1)))
    lines: list[bytes] = []
    for number in range(1, len(commands) + 1):
        lines += await client.until(f"a{number}")
    return [line.decode() for line in lines]


def unheard(box: Mailbox, uid: int, mask: int) -> None:
    """Another process changes flags, and the notification is still on its way."""
    box.highestmodseq += 1
    box.stamp += 1
    box.messages[uid].flags, box.messages[uid].modseq = mask, box.highestmodseq


async def test_each_has_a_modification_sequence_and_its_answer(client: Client, account: MemoryAccount) -> None:
    await client.ok("SELECT INBOX (CONDSTORE)")
    answers = await pipelined(
        client,
        "UID STORE 3:4 +FLAGS (\\Seen)",
        "STORE 1 FLAGS (\\Flagged \\Deleted)",
        "UID STORE 5 +FLAGS.SILENT \\Answered",
        "uid store 2 +flags (\\Seen)",
    )
    assert answers == [
        "* 3 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (7))",
        "* 4 FETCH (UID 4 FLAGS (\\Seen) MODSEQ (7))",
        "a1 OK STORE completed",
        "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Deleted) MODSEQ (8))",
        "a2 OK STORE completed",
        "* 5 FETCH (UID 5 MODSEQ (9))",
        "a3 OK STORE completed",
        "* 2 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (10))",
        "a4 OK STORE completed",
    ]
    assert account.calls["mark"] == 1
    box = account.find("INBOX")
    assert [box.messages[uid].modseq for uid in range(1, 6)] == [8, 10, 7, 7, 9]
    assert box.highestmodseq == 10


async def test_other_sessions_hear_of_all(client: Client, gateway: Gateway) -> None:
    other = await gateway.client()
    await other.ok("SELECT INBOX")
    await client.ok("SELECT INBOX")
    await pipelined(client, "STORE 1 +FLAGS (\\Seen)", "STORE 2:3 +FLAGS.SILENT (\\Draft)")
    assert await other.ok("NOOP") == [
        b"* 1 FETCH (FLAGS (\\Seen))",
        b"* 2 FETCH (FLAGS (\\Draft))",
        b"* 3 FETCH (FLAGS (\\Draft))",
    ]
    assert await client.ok("NOOP") == []


@pytest.mark.parametrize(
    ("second", "answer"),
    [
        ("STORE 1 -FLAGS (\\Seen)", ["* 1 FETCH (FLAGS ())", "a2 OK STORE completed"]),  # the same message again
        ("STORE 2 (UNCHANGEDSINCE 1) +FLAGS (\\Seen)", None),
        ("STORE 2 +FLAGS (new)", None),
        ("STORE 2 -FLAGS (\\Draft)", ["* 2 FETCH (FLAGS ())", "a2 OK STORE completed"]),  # changes nothing
        ("UID STORE 99 +FLAGS (\\Seen)", ["a2 OK STORE completed"]),
        ("STORE 99 +FLAGS (\\Seen)", ["a2 BAD No such message number"]),
        ("STORE 2 +FLAGS", None),
        ("NOOP", ["a2 OK NOOP completed"]),
    ],
)
async def test_what_does_not_go_along_has_its_turn(client: Client, second: str, answer: list[str] | None) -> None:
    await client.ok("SELECT INBOX")
    answers = await pipelined(client, "STORE 1 +FLAGS (\\Seen)", second, "STORE 3 +FLAGS (\\Seen)")
    assert answers[:2] == ["* 1 FETCH (FLAGS (\\Seen))", "a1 OK STORE completed"]
    assert answers[-1] == "a3 OK STORE completed"
    if answer is not None:
        assert answers[2:-2] == answer
    else:
        assert answers[-3].startswith("a2 ")
    assert answers[-2].startswith("* 3 FETCH (")


async def test_one_that_begins_with_a_literal_or_is_not_complete_waits(client: Client, account: MemoryAccount) -> None:
    await client.ok("SELECT INBOX")
    await client.send(b"a1 STORE 1 +FLAGS (\\Seen)\r\na2 STORE 2 +FLAGS (\\Se")
    assert (await client.until("a1"))[-1] == b"a1 OK STORE completed"
    await client.send(b"en)\r\na3 APPEND INBOX {3+}\r\nabc\r\na4 STORE 3 +FLAGS (\\Seen)\r\n")
    assert (await client.until("a2"))[-1] == b"a2 OK STORE completed"
    assert (await client.until("a3"))[-1].startswith(b"a3 OK ")
    assert (await client.until("a4"))[-1] == b"a4 OK STORE completed"
    assert account.calls["mark"] == 3


async def test_when_others_were_quicker_it_is_worked_out_anew(client: Client, account: MemoryAccount) -> None:
    await client.ok("SELECT INBOX")
    box = account.find("INBOX")
    unheard(box, 5, flags.DRAFT)
    answers = await pipelined(client, "STORE 1 +FLAGS (\\Seen)", "STORE 2 +FLAGS (\\Seen)")
    assert [line for line in answers if line.startswith("a")] == ["a1 OK STORE completed", "a2 OK STORE completed"]
    assert "* 5 FETCH (FLAGS (\\Draft))" in answers
    assert [box.messages[uid].flags for uid in (1, 2)] == [flags.SEEN] * 2
    assert account.calls["mark"] == 2
    assert "store" not in account.calls


async def test_what_changes_nothing_is_not_written(client: Client, account: MemoryAccount) -> None:
    await client.ok("SELECT INBOX")
    looks = account.calls.get("changes", 0)
    assert await client.ok("STORE 1 -FLAGS (\\Seen unheard-of)") == [b"* 1 FETCH (FLAGS ())"]
    assert account.calls["changes"] == looks + 1
    assert not {"mark", "store"} & account.calls.keys()


async def test_what_seems_to_change_nothing_is_looked_at(client: Client, account: MemoryAccount) -> None:
    await client.ok("SELECT INBOX")
    box = account.find("INBOX")
    unheard(box, 1, flags.SEEN)
    assert await client.ok("STORE 1 -FLAGS (\\Seen)") == [b"* 1 FETCH (FLAGS ())"]
    assert box.messages[1].flags == 0


async def test_news_of_others_comes_at_the_end_and_an_expunge_not_between(
    client: Client, gateway: Gateway, account: MemoryAccount
) -> None:
    other = await gateway.client()
    for session in (client, other):
        await session.ok("SELECT INBOX")
    await other.ok("STORE 1 +FLAGS (\\Deleted)")
    await other.ok("STORE 2 +FLAGS (\\Flagged)")
    answers = await pipelined(client, "UID STORE 4 +FLAGS (\\Seen)", "UID STORE 5 +FLAGS (\\Seen)")
    assert answers[2] == "* 5 FETCH (UID 5 FLAGS (\\Seen))"
    assert sorted(answers[3:-1]) == ["* 1 FETCH (UID 1 FLAGS (\\Deleted))", "* 2 FETCH (UID 2 FLAGS (\\Flagged))"]


async def test_silent_tells_what_others_did_to_the_same_message(client: Client, gateway: Gateway) -> None:
    other = await gateway.client()
    for session in (client, other):
        await session.ok("SELECT INBOX")
    await other.ok("STORE 1 +FLAGS (\\Draft)")
    assert await client.ok("STORE 1 +FLAGS.SILENT (\\Seen)") == [b"* 1 FETCH (FLAGS (\\Seen \\Draft))"]


async def test_hundreds_at_once(client: Client, account: MemoryAccount) -> None:
    for number in range(295):
        account.deliver(message(f"n{number}"))
    account.find("INBOX").recent_from = 301
    await client.ok("SELECT INBOX")
    answers = await pipelined(client, *[f"STORE {number} +FLAGS (\\Seen)" for number in range(1, 301)])
    expected = [(f"* {n} FETCH (FLAGS (\\Seen))", f"a{n} OK STORE completed") for n in range(1, 301)]
    assert answers == list(itertools.chain(*expected))
    assert 3 <= account.calls["mark"] < 10


@given(
    st.lists(st.sampled_from([b"a NOOP", b"", b"b X {3+}", b"abc", b"c Y {2}", b"x" * 50, b"z \xff"])),
    st.integers(0, 9),
)
def test_lines_ahead_are_the_commands_that_come(lines: list[bytes], most: int) -> None:
    limits = Limits(line=40)
    reader, other = CommandReader(limits), CommandReader(limits)
    for one in (reader, other):
        one.signed_in = True
        one.feed(b"\r\n".join(lines))
    ahead = list(reader.lines(most))
    assert len(ahead) <= most
    for line in ahead:
        event = other.event()
        assert event is not None
        assert event.parts == (line,)  # type: ignore[union-attr]
        reader.skip_line()
    assert reader.event() == other.event()
