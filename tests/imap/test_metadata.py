"""Annotations on the wire: GETMETADATA, SETMETADATA and LIST RETURN (METADATA …) (RFC 5464, RFC 9590)."""

from __future__ import annotations

import pytest

from imap.limits import Limits
from imap.rights import parse_rights
from tests.imap.conftest import Gateway, Talk
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client


async def test_values_are_set_read_and_removed(talk: Talk) -> None:
    await talk(r"""
        A: 1 SETMETADATA INBOX (/private/comment "Mine \"quoted\"" /shared/comment "For all")
        A< 1 OK …
        A: 2 GETMETADATA INBOX (/shared/comment /Private/Comment)
        A< * METADATA INBOX (/shared/comment "For all" /Private/Comment "Mine \"quoted\"")
        A< 2 OK …
        A: 3 SETMETADATA INBOX (/PRIVATE/comment NIL)
        A< 3 OK …
        A: 4 GETMETADATA INBOX /private/comment
        A< * METADATA INBOX (/private/comment NIL)
        A< 4 OK …
        A: 5 GETMETADATA Sent /shared/comment
        A< * METADATA Sent (/shared/comment NIL)
        A< 5 OK …
    """)


async def test_values_of_several_lines_and_of_any_octets(client: Client) -> None:
    for value in (b"My new comment across\r\ntwo lines.\r\n", b"", "Été".encode()):
        await client.ok(b"SETMETADATA INBOX (/private/comment {%d+}\r\n%b)" % (len(value), value))
        answer = b"* METADATA INBOX (/private/comment {%d}\r\n%b)" % (len(value), value)
        assert await client.ok("GETMETADATA INBOX /private/comment") == [
            answer if value else answer.replace(b"{0}\r\n", b'""')
        ]
    await client.ok(b"SETMETADATA INBOX (/private/comment ~{3+}\r\na\0b)")
    assert await client.ok("GETMETADATA INBOX /private/comment") == [
        b"* METADATA INBOX (/private/comment ~{3}\r\na\0b)"
    ]
    assert b" BAD " in (await client.command(b"SETMETADATA INBOX (/private/comment {3+}\r\na\0b)"))[-1]


async def test_the_server_has_annotations_too(talk: Talk, account: MemoryAccount) -> None:
    account.annotations["/shared/admin"] = b"mailto:admin@example.org"
    await talk("""
        A: 1 SETMETADATA "" (/private/vendor/x/colour "blue")
        A< 1 OK …
        A: 2 GETMETADATA "" (/private/vendor/x/colour /shared/admin /shared/comment)
        A< * METADATA "" (/private/vendor/x/colour "blue" /shared/admin "mailto:admin@example.org" /shared/comment NIL)
        A< 2 OK …
        A: 3 SETMETADATA "" (/private/vendor/x/colour "red" /shared/comment "Mine now")
        A< 3 NO [NOPERM] …
        A: 4 GETMETADATA "" /private/vendor/x/colour
        A< * METADATA "" (/private/vendor/x/colour "blue")
        A< 4 OK …
    """)


async def test_depth_shows_what_is_below(talk: Talk) -> None:
    await talk("""
        A: 1 SETMETADATA INBOX (/private/a/b "1" /private/a/c "2" /private/a/c/d "3" /private/ab "4")
        A< 1 OK …
        A: 2 GETMETADATA (DEPTH 1) INBOX /private/a
        A< * METADATA INBOX (/private/a/b "1" /private/a/c "2")
        A< 2 OK …
        A: 3 GETMETADATA INBOX (depth infinity) (/private/a)
        A< * METADATA INBOX (/private/a/b "1" /private/a/c "2" /private/a/c/d "3")
        A< 3 OK …
        A: 4 GETMETADATA (DEPTH 1) INBOX /private/a/c
        A< * METADATA INBOX (/private/a/c "2" /private/a/c/d "3")
        A< 4 OK …
        A: 5 GETMETADATA (DEPTH infinity) INBOX (/private /shared)
        A< * METADATA INBOX (/private/a/b "1" /private/a/c "2" /private/a/c/d "3" /private/ab "4")
        A< 5 OK …
        A: 6 GETMETADATA (DEPTH infinity) Sent /private
        A< 6 OK …
    """)


async def test_maxsize_leaves_out_long_values_and_tells_the_longest(talk: Talk) -> None:
    await talk("""
        A: 1 SETMETADATA INBOX (/private/comment "123" /shared/comment "12345" /shared/x "1234567")
        A< 1 OK …
        A: 2 GETMETADATA INBOX (MAXSIZE 4) (/shared/comment /shared/x /private/comment)
        A< * METADATA INBOX (/private/comment "123")
        A< 2 OK [METADATA LONGENTRIES 7] …
        A: 3 GETMETADATA (MAXSIZE 5 DEPTH infinity) INBOX /shared
        A< * METADATA INBOX (/shared/comment "12345")
        A< 3 OK [METADATA LONGENTRIES 7] …
        A: 4 GETMETADATA (MAXSIZE 7) INBOX /shared/x
        A< * METADATA INBOX (/shared/x "1234567")
        A< 4 OK GETMETADATA …
    """)


async def test_what_is_too_much_changes_nothing(gateway: Gateway, account: MemoryAccount) -> None:
    client = await gateway.client()
    account.most_annotations = 1
    largest = Limits().annotation
    *_, answer = await client.command(
        b'SETMETADATA INBOX (/private/comment "x" /shared/comment {%d+}\r\n%b)' % (largest + 1, b"v" * (largest + 1))
    )
    assert answer.startswith(b"t2 NO [METADATA MAXSIZE %d] " % largest)
    *_, answer = await client.command('SETMETADATA INBOX (/private/comment "x" /shared/comment "y")')
    assert answer.startswith(b"t3 NO [METADATA TOOMANY] ")
    assert account.find("INBOX").annotations == {}
    await client.ok(b"SETMETADATA INBOX (/shared/comment {%d+}\r\n%b)" % (largest, b"v" * largest))


async def test_list_shows_annotations(talk: Talk, account: MemoryAccount) -> None:
    account.find("Sent").annotations["/shared/vendor/x/color"] = b"#b71c1c"
    account.subscribed.add("Gone")
    await talk("""
        A: 1 LIST (SUBSCRIBED) "" (Sent Junk Gone) RETURN (METADATA ("/shared/vendor/x/Color"))
        A< * LIST …"/" Junk
        A< * METADATA Junk (/shared/vendor/x/Color NIL)
        A< * LIST …"/" Sent
        A< * METADATA Sent (/shared/vendor/x/Color "#b71c1c")
        A< * LIST (\\NonExistent …"/" Gone
        A< 1 OK …
        A: 2 LIST "" Junk RETURN (STATUS (MESSAGES) METADATA /private/comment)
        A< * LIST …
        A< * STATUS Junk (MESSAGES 0)
        A< * METADATA Junk (/private/comment NIL)
        A< 2 OK …
    """)
    assert account.calls["annotation_values"] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        "INBOX",
        "INBOX ()",
        "INBOX comment",
        "INBOX /other/comment",
        "INBOX /private/",
        "INBOX /private//a",
        "INBOX /private/a*",
        "INBOX (/private/a%)",
        'INBOX "/private/é"',
        'INBOX "/private/a\tb"',
        "INBOX /private/" + "a" * 255,
        "(DEPTH 2) INBOX /private/a",
        "(DEPTH 1 DEPTH 1) INBOX /private/a",
        "(MAXSIZE) INBOX /private/a",
        "(OTHER 1) INBOX /private/a",
        "(DEPTH 1) INBOX (DEPTH 1) /private/a",
        "INBOX (DEPTH 1)",
        "INBOX (/private/a) x",
    ],
)
async def test_malformed_questions_are_bad(client: Client, arguments: str) -> None:
    assert (await client.command(f"GETMETADATA {arguments}"))[-1].startswith(b"t2 BAD ")


@pytest.mark.parametrize(
    "arguments",
    [
        "INBOX /private/comment x",
        "INBOX ()",
        "INBOX (/private/comment)",
        'INBOX (/private "x")',
        'INBOX (/private/vendor/x "x")',
        'INBOX (/shared/vendor "x")',
        'INBOX (/private/comment "x" /Private/comment "y")',
        "INBOX (/private/comment atom)",
    ],
)
async def test_malformed_settings_are_bad(client: Client, arguments: str) -> None:
    assert (await client.command(f"SETMETADATA {arguments}"))[-1].startswith(b"t2 BAD ")


@pytest.mark.parametrize(
    "command", ['SETMETADATA Nowhere (/private/comment "x")', "GETMETADATA Nowhere /private/comment"]
)
async def test_a_mailbox_that_is_not_there(client: Client, command: str) -> None:
    assert (await client.command(command))[-1].startswith(b"t2 NO [NONEXISTENT] ")


@pytest.mark.parametrize(
    ("rights", "answer"),
    [("l", "NO [NOPERM]"), ("r", "NO [NOPERM]"), ("lr", "OK"), ("lp", "OK"), ("li", "OK"), ("p", "NO [NONEXISTENT]")],
)
async def test_rights_that_open_annotations(client: Client, account: MemoryAccount, rights: str, answer: str) -> None:
    account.find("Sent").rights = parse_rights(rights)
    for command in ("GETMETADATA Sent /shared/comment", 'SETMETADATA Sent (/shared/comment "x")'):
        assert (await client.command(command))[-1].split(b" ", 1)[1].startswith(answer.encode()), command
