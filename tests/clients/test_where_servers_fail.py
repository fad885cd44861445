"""What made well-known IMAP servers fail in public test suites, done to the whole gateway on each store."""

from __future__ import annotations

import asyncio
import base64
import random
import re
import time
from collections.abc import Iterable

import pytest

from tests.clients.conftest import BOB, School, Upload, note
from tests.imap.client_model import ClientModel
from tests.imap.conftest import Talk
from tests.imap.memory_backend import plain_response
from tests.imap.wire import Client
from tests.imap_message.grammar import Value, read_body, read_envelope

MIXED = b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n'
DEEP = b"Subject: deep\r\n" + b"".join(MIXED % (depth, depth) for depth in range(400)) + b"\r\ntext\r\n"
DEEP_MESSAGES = b"Content-Type: message/rfc822\r\n\r\n" * 400 + b"Subject: inner\r\n\r\ntext\r\n"
CROWD = b"To: " + b",\r\n ".join(b"p%d@b.example" % n for n in range(10_000)) + b"\r\n\r\ntext\r\n"
ODD = (
    b'From: "un \\"deux\\" \\\\" <a@b.example>\r\nTo: "open <a@b.example\r\nCc: \\"x\\" <@@>, (((, ;;:\r\n'
    b'Subject: a\0b\r\nDate: not a date at all\r\nContent-Type: text/plain; charset="a\\"b; name="=?x?=\r\n'
    b'Content-Disposition: attachment; filename="\\\r\n\r\ntext\r\n'
)
FORBIDDEN = [
    "UID FETCH 4294967296 (FLAGS)",
    "FETCH 1:4294967296 (FLAGS)",
    "UID STORE 4294967296 +FLAGS (\\Seen)",
    "UID COPY 4294967296 Trash",
    "UID MOVE 1,4294967296 Trash",
    "UID EXPUNGE 4294967296",
    "UID SEARCH UID 4294967296",
    "UID SEARCH 4294967296",
    "FETCH 1 BODY[4294967296]",
    "FETCH 1 BODY[1.]",
    "FETCH 1 BODY[1..2]",
    "FETCH 1 BODY[]<0.0>",
    "FETCH 1 BODY[]<0>",
    "CREATE &Jjo",
    "CREATE a&b",
    "CREATE &AGE-",
    'LIST "" "&AOk"',
]


async def structures(client: Client) -> tuple[list[Value], Value]:
    """ENVELOPE and BODYSTRUCTURE of the one message, read by a strict reader."""
    await client.ok("SELECT INBOX")
    (answer,) = await client.ok("FETCH 1 (ENVELOPE)")
    envelope = read_envelope(answer.partition(b"ENVELOPE ")[2][:-1])
    (answer,) = await client.ok("FETCH 1 (BODYSTRUCTURE)")
    structure = read_body(answer.partition(b"BODYSTRUCTURE ")[2][:-1], extension=True)
    (answer,) = await client.ok("FETCH 1 (BODY)")
    read_body(answer.partition(b"BODY ")[2][:-1], extension=False)
    assert isinstance(envelope, list)
    return envelope, structure


@pytest.mark.parametrize("content", [DEEP, DEEP_MESSAGES, CROWD, ODD], ids=["deep", "messages", "crowd", "odd"])
async def test_structures_of_hostile_messages_are_shown_and_the_connection_lives(
    client: Client, upload: Upload, content: bytes
) -> None:
    await upload(content)
    await structures(client)
    (answer,) = await client.ok("FETCH 1 (BODY.PEEK[])")
    assert answer == b"* 1 FETCH (BODY[] {%d}\r\n%b)" % (len(content), content.replace(b"\0", b"\x80"))


async def test_all_of_ten_thousand_addresses_and_the_original_date_are_shown(client: Client, upload: Upload) -> None:
    await upload(b"Date:   Mon, 7 Sep 2026 08:30:00 +0200 (heure  d'\xc3\xa9t\xc3\xa9)\r\n" + CROWD)
    envelope, _ = await structures(client)
    assert envelope[0] == "Mon, 7 Sep 2026 08:30:00 +0200 (heure  d'été)".encode()
    assert isinstance(envelope[5], list)
    assert len(envelope[5]) == 10_000
    assert envelope[5][-1] == [None, None, b"p9999", b"b.example"]


async def test_hostile_messages_that_were_submitted(gateway: School, client: Client) -> None:
    wire = await gateway.submission()
    await wire.reply()
    await wire.ask("EHLO pc")
    await wire.ask(f"AUTH PLAIN {plain_response(BOB, gateway.passwords[BOB])}")
    for content, answer in ((DEEP, "550 5.7.1 "), (DEEP_MESSAGES, "550 5.7.1 "), (CROWD, "250 2.0.0")):
        await wire.begin("ada.martin@ent.example.org", mail=f"MAIL FROM:<{BOB}>")
        head = f"From: <{BOB}>\r\n".encode()
        assert (await wire.data(head + content + b".\r\n")).startswith(answer), (
            "what cannot be looked through is refused"
        )
    await client.ok("SELECT INBOX")
    assert len(await client.ok("FETCH 1:* (ENVELOPE BODYSTRUCTURE)")) == 1


async def test_wildcards_of_list_take_no_time(client: Client) -> None:
    await client.ok(f"CREATE {'a' * 180}")
    start = time.process_time()
    assert await client.ok(f'LIST "" "{"%*" * 100}b"') == []
    assert await client.ok(f'LIST "{"*%" * 50}" "{"%*" * 50}b"') == []
    assert time.process_time() - start < 5


async def test_what_the_grammar_forbids_is_bad(client: Client, upload: Upload) -> None:
    await upload(note("un"))
    await client.ok("SELECT INBOX")
    for command in FORBIDDEN:
        assert re.match(rb"t[0-9]+ BAD ", (await client.command(command))[-1]), command
        assert await client.ok("UID SEARCH SEEN") == [b"* SEARCH"]


async def test_examine_refuses_every_change(client: Client, upload: Upload) -> None:
    await upload(note("un"), options="(\\Deleted) ")
    await client.ok("EXAMINE INBOX")
    for command in ("STORE 1 +FLAGS (\\Seen)", "EXPUNGE", "UID EXPUNGE 1", "MOVE 1 Trash"):
        assert b" NO [READ-ONLY] " in (await client.command(command))[-1]
    await client.ok("FETCH 1 (BODY[])")
    await client.ok("CLOSE")
    await client.ok("SELECT INBOX")
    assert await client.ok("SEARCH DELETED UNSEEN") == [b"* SEARCH 1"]


async def test_renaming_inbox_leaves_its_children(talk: Talk, upload: Upload) -> None:
    await upload(note("un"))
    await talk(
        """
        A: 1 CREATE INBOX/Classe
        A< 1 OK …
        B: 1 SELECT INBOX
        B* 1 OK …
        A: 2 RENAME INBOX Ancien
        A< 2 OK …
        A: 3 LIST "" "A%"
        A< * LIST (\\HasNoChildren) "/" Ancien
        A< * LIST (\\HasNoChildren \\Archive) "/" Archive
        A< 3 OK …
        A: 4 STATUS INBOX (MESSAGES)
        A< * STATUS INBOX (MESSAGES 0)
        A< 4 OK …
        A: 5 LIST "" "INBOX/%"
        A< * LIST (\\HasNoChildren) "/" INBOX/Classe
        A< 5 OK …
        B: 2 NOOP
        B< * 1 EXPUNGE
        B< 2 OK …
        """
    )


async def test_parallel_moves_file_each_message_once(gateway: School, client: Client, upload: Upload) -> None:
    await upload(*(note(f"m{number}") for number in range(30)))
    movers = [await gateway.client() for _ in range(4)]
    for mover in movers:
        await mover.ok("SELECT INBOX")
    await asyncio.gather(*(mover.ok("UID MOVE 1:* Archive") for mover in movers))
    assert await client.ok("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]
    assert await client.ok("STATUS Archive (MESSAGES)") == [b"* STATUS Archive (MESSAGES 30)"]
    for mover in movers:
        await mover.ok("NOOP")
        assert await mover.ok("SEARCH ALL") == [b"* SEARCH"]


async def test_a_mailbox_deleted_or_renamed_under_who_has_it_open(talk: Talk) -> None:
    await talk(
        """
        A: 1 CREATE Un
        A< 1 OK …
        A: 2 APPEND Un {5+}
        A: a: bc
        A< 2 OK …
        A: 3 SELECT Un
        A* 3 OK …
        B: 1 RENAME Un Deux
        B< 1 OK …
        B: 2 CREATE Un
        B< 2 OK …
        A: 4 FETCH 1 (RFC822.SIZE)
        A< * 1 FETCH (RFC822.SIZE 5)
        A< 4 OK …
        B: 3 DELETE Deux
        B< 3 OK …
        A: 5 NOOP
        A< * 1 EXPUNGE
        A< 5 OK …
        A: 6 UID STORE 1 +FLAGS (\\Seen)
        A< 6 NO [NONEXISTENT] …
        A: 7 UID FETCH 1:* (FLAGS)
        A< 7 OK …
        A: 8 SELECT Un
        A* * 0 EXISTS
        A* 8 OK …
        """
    )


async def test_sessions_at_random_agree_in_the_end(gateway: School, upload: Upload) -> None:
    """Every answer is legal for its moment, and all tell the same UIDs, flags and modification sequences at last."""
    await upload(*(note(f"m{number}") for number in range(6)))
    clients = [await gateway.client() for _ in range(4)]
    enabled = ("", "CONDSTORE", "QRESYNC", "IMAP4rev2")
    models = [ClientModel(qresync=enable == "QRESYNC") for enable in enabled]
    for one, enable in zip(clients, enabled, strict=True):
        if enable:
            await one.ok(f"ENABLE {enable}")
    await asyncio.gather(
        *(act(one, model, random.Random(seed)) for seed, (one, model) in enumerate(zip(clients, models, strict=True)))
    )
    truth = set()
    for one, model in zip(clients, models, strict=True):
        hear(model, await one.ok("NOOP"), expunge=True)
        lines = await one.ok("FETCH 1:* (UID FLAGS MODSEQ)")
        hear(model, lines, expunge=False)
        assert len(lines) == len(model.messages) or lines[0].startswith(b"* OK [HIGHESTMODSEQ ")
        truth.add(
            tuple(line.replace(b"\\Recent ", b"").replace(b"\\Recent", b"") for line in lines if b"FETCH" in line)
        )
    assert len(truth) == 1


def hear(model: ClientModel, lines: Iterable[bytes], *, expunge: bool) -> None:
    for line in lines:
        model.hear(line, expunge_allowed=expunge)


async def act(client: Client, model: ClientModel, chance: random.Random) -> None:
    model.select("INBOX")
    hear(model, await client.ok("SELECT INBOX"), expunge=True)
    for step in range(40):
        number = chance.randint(1, 8)
        command = chance.choice(
            [
                f"STORE {number} +FLAGS (\\Deleted)",
                f"UID STORE {number}:* -FLAGS (\\Deleted $label1)",
                f"UID STORE {number} +FLAGS (\\Flagged $label1)",
                f"FETCH {number} (UID BODY[TEXT])",
                f"COPY {number} INBOX",
                f"UID MOVE {number + step} INBOX",
                "UID FETCH 1:* (FLAGS)",
                "EXPUNGE",
                "NOOP",
            ]
        )
        *lines, completion = await client.command(command)
        assert b" NO [SERVERBUG]" not in completion
        hear(model, lines, expunge=not command.startswith(("STORE", "FETCH")))


@pytest.mark.parametrize("size", [300, 2_000_000])
async def test_a_binary_part_is_stored_for_clients_without_binary(client: Client, size: int) -> None:
    octets = b"\0\1\n" * (size // 3)
    content = b"Subject: x\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n" + octets
    await client.ok(b"APPEND INBOX ~{%d+}\r\n%b" % (len(content), content))
    await client.ok("SELECT INBOX")
    (answer,) = await client.ok("FETCH 1 (BODYSTRUCTURE)")
    assert b'("image" "png" NIL NIL NIL "base64" ' in answer
    (answer,) = await client.ok("FETCH 1 (BODY.PEEK[1])")
    assert base64.b64decode(answer.partition(b"\r\n")[2][:-1]) == octets
    assert await client.ok("FETCH 1 (BINARY.PEEK[1])") == [b"* 1 FETCH (BINARY[1] ~{%d}\r\n%b)" % (len(octets), octets)]
