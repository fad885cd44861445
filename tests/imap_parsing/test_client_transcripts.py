"""Commands as real programs write them."""

from __future__ import annotations

import datetime

import pytest

from imap import flags
from imap.backend import FlagAction
from imap.parsing import parse_command
from imap.parsing.append import Append
from imap.parsing.auth import Authenticate, Enable, Id, Login
from imap.parsing.commands import Command, Idle, Namespace
from imap.parsing.fetch import Fetch
from imap.parsing.fetch_items import (
    BinarySection,
    BinarySize,
    BodySection,
    FetchAttribute,
    Partial,
    Section,
    SectionText,
)
from imap.parsing.list import List, ListReturn, ListSelect, Lsub
from imap.parsing.literals import Literal
from imap.parsing.mailbox import Create, Rename
from imap.parsing.quota import GetQuotaRoot
from imap.parsing.return_options import SearchReturn
from imap.parsing.search import Search
from imap.parsing.search_keys import (
    All,
    And,
    BodyContains,
    HasFlag,
    HasKeyword,
    HeaderContains,
    ModSeqFrom,
    Not,
    NumberIn,
    Or,
    ReceivedDate,
    TextContains,
    UidIn,
    When,
)
from imap.parsing.select import QResyncParam, Select
from imap.parsing.sequence import STAR, SequenceSet
from imap.parsing.status import Status, StatusItem
from imap.parsing.store import Copy, Expunge, Move, Store
from imap.parsing.values import FlagList
from tests.imap_parsing.framing import frame, parse

UID, NUMBER = True, False
SILENT, LOUD = True, False
ALL_MESSAGES = SequenceSet(((1, STAR),))


def one(number: int) -> SequenceSet:
    return SequenceSet(((number, number),))


THUNDERBIRD: list[tuple[bytes, Command | None]] = [
    (b"A authenticate PLAIN", Authenticate("PLAIN")),
    (b'A ID ("name" "Thunderbird" "version" "153.0")', Id((("name", "Thunderbird"), ("version", "153.0")))),
    (b"A namespace", Namespace()),
    (
        b'A list (subscribed) "" "*" return (special-use)',
        List("", ("*",), frozenset({ListSelect.SUBSCRIBED}), frozenset({ListReturn.SPECIAL_USE}), (), extended=True),
    ),
    (b'A list "" "INBOX"', List("", ("INBOX",))),
    (b'A lsub "" "*"', Lsub("", "*")),
    (b'A select "INBOX" (CONDSTORE)', Select("INBOX", condstore=True)),
    (b'A getquotaroot "INBOX"', GetQuotaRoot("INBOX")),
    (b"A UID fetch 1:* (FLAGS)", Fetch(UID, ALL_MESSAGES, (FetchAttribute.FLAGS,))),
    (
        (
            b"A UID fetch 4,7:9 (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID "
            b"Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To)])"
        ),
        Fetch(
            UID,
            SequenceSet(((4, 4), (7, 9))),
            (
                FetchAttribute.UID,
                FetchAttribute.RFC822_SIZE,
                FetchAttribute.FLAGS,
                BodySection(
                    Section(
                        (),
                        SectionText.HEADER_FIELDS,
                        (
                            *("From", "To", "Cc", "Bcc", "Subject", "Date", "Message-ID", "Priority", "X-Priority"),
                            *("References", "Newsgroups", "In-Reply-To", "Content-Type", "Reply-To"),
                        ),
                    ),
                    peek=True,
                ),
            ),
        ),
    ),
    (
        b"A UID fetch 1:500 (UID RFC822.SIZE BODY.PEEK[])",
        Fetch(
            UID,
            SequenceSet(((1, 500),)),
            (FetchAttribute.UID, FetchAttribute.RFC822_SIZE, BodySection(Section(), peek=True)),
        ),
    ),
    (
        b"A UID fetch 1:* (FLAGS) (CHANGEDSINCE 620)",
        Fetch(UID, ALL_MESSAGES, (FetchAttribute.FLAGS,), changed_since=620),
    ),
    (
        b"A uid store 5 +Flags (\\Seen $label1)",
        Store(UID, one(5), FlagAction.ADD, LOUD, FlagList(flags.SEEN, ("$label1",))),
    ),
    (b'A uid move 3:5 "Trash"', Move(UID, SequenceSet(((3, 5),)), "Trash")),
    (b'A rename "Devoirs" "Trash/Devoirs"', Rename("Devoirs", "Trash/Devoirs")),
    (
        b"A UID SEARCH CHARSET UTF-8 SUBJECT {6}\r\nd\xc3\xa9j\xc3\xa0",
        Search(UID, HeaderContains("subject", "déjà"), "UTF-8"),
    ),
    (
        b'A UID SEARCH UNDELETED OR SUBJECT "note" FROM "note"',
        Search(
            UID,
            And(
                (
                    Not(HasFlag(flags.DELETED)),
                    Or(HeaderContains("subject", "note"), HeaderContains("from", "note")),
                )
            ),
        ),
    ),
    (b"A IDLE", Idle()),
]

OTHERS: list[tuple[bytes, Command | None]] = [
    # mbsync
    (b'A LOGIN "prof" "pa\\"ss\\\\"', Login("prof", 'pa"ss\\')),
    (b"A UID FETCH 42 (BODY.PEEK[])", Fetch(UID, one(42), (BodySection(Section(), peek=True),))),
    (
        b"A UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (X-TUID)])",
        Fetch(
            UID,
            ALL_MESSAGES,
            (
                FetchAttribute.UID,
                FetchAttribute.FLAGS,
                FetchAttribute.INTERNALDATE,
                BodySection(Section((), SectionText.HEADER_FIELDS, ("X-TUID",)), peek=True),
            ),
        ),
    ),
    (b"A UID STORE 4 +FLAGS.SILENT (\\Deleted)", Store(UID, one(4), FlagAction.ADD, SILENT, FlagList(flags.DELETED))),
    (b"A UID EXPUNGE 4", Expunge(one(4))),
    # fetchmail, alpine, curl
    (b"A FETCH 1:3 RFC822.SIZE", Fetch(NUMBER, SequenceSet(((1, 3),)), (FetchAttribute.RFC822_SIZE,))),
    (b"A FETCH 1 RFC822.HEADER", Fetch(NUMBER, one(1), (FetchAttribute.RFC822_HEADER,))),
    (b"A FETCH 1 BODY[]", Fetch(NUMBER, one(1), (BodySection(Section()),))),
    (b"A STORE 1 +FLAGS \\Seen \\Deleted", Store(NUMBER, one(1), FlagAction.ADD, LOUD, FlagList(flags.SEEN | 8))),
    (
        b"A FETCH 2 FULL",
        Fetch(
            NUMBER,
            one(2),
            (
                FetchAttribute.FLAGS,
                FetchAttribute.INTERNALDATE,
                FetchAttribute.RFC822_SIZE,
                FetchAttribute.ENVELOPE,
                FetchAttribute.BODY,
            ),
        ),
    ),
    # NeoMutt
    (b"A ENABLE UTF8=ACCEPT CONDSTORE QRESYNC", Enable(("UTF8=ACCEPT", "CONDSTORE", "QRESYNC"))),
    (
        b'A SELECT "INBOX" (QRESYNC (1783500 620 1:3,8))',
        Select("INBOX", qresync=QResyncParam(1783500, 620, SequenceSet(((1, 3), (8, 8))))),
    ),
    (
        b"A UID FETCH 1:40 (UID FLAGS) (CHANGEDSINCE 620 VANISHED)",
        Fetch(
            UID,
            SequenceSet(((1, 40),)),
            (FetchAttribute.UID, FetchAttribute.FLAGS),
            changed_since=620,
            vanished=True,
        ),
    ),
    (b'A UID SEARCH TEXT "\xc3\xa9t\xc3\xa9"', Search(UID, TextContains("été"))),
    # Outlook
    (b"A CAPABILITY", None),
    (b'A LIST "" ""', List("", ("",))),
    (b"A UID FETCH 7 (UID BODY.PEEK[HEADER])", None),
    (b'A STATUS "INBOX" (UIDVALIDITY UNSEEN UIDNEXT MESSAGES)', None),
    # K-9, FairEmail, iOS
    (
        b'A LIST "" "*" RETURN (SUBSCRIBED CHILDREN SPECIAL-USE STATUS (MESSAGES UNSEEN SIZE))',
        List(
            "",
            ("*",),
            frozenset(),
            frozenset({ListReturn.SUBSCRIBED, ListReturn.CHILDREN, ListReturn.SPECIAL_USE}),
            (StatusItem.MESSAGES, StatusItem.UNSEEN, StatusItem.SIZE),
            extended=True,
        ),
    ),
    (
        b"A UID FETCH 9 (BODYSTRUCTURE BODY.PEEK[1.2.MIME] BODY.PEEK[2]<0.65536>)",
        Fetch(
            UID,
            one(9),
            (
                FetchAttribute.BODYSTRUCTURE,
                BodySection(Section((1, 2), SectionText.MIME), peek=True),
                BodySection(Section((2,)), Partial(0, 65536), peek=True),
            ),
        ),
    ),
    (b"A UID SEARCH 1:* SINCE 1-Feb-2026 NOT DELETED", None),
    # Roundcube
    (
        b"A UID FETCH 5 (BINARY.PEEK[1.1]<0.100> BINARY[2] BINARY.SIZE[2])",
        Fetch(
            UID,
            one(5),
            (BinarySection((1, 1), Partial(0, 100), peek=True), BinarySection((2,)), BinarySize((2,))),
        ),
    ),
    (b'A CREATE "Envoy&AOk-s" (USE (\\sent))', Create("Envoyés", "\\Sent")),
    (
        b"A UID SEARCH RETURN (ALL COUNT) CHARSET UTF-8 UNSEEN",
        Search(UID, Not(HasFlag(flags.SEEN)), "UTF-8", frozenset({SearchReturn.ALL, SearchReturn.COUNT})),
    ),
    (b"A STATUS INBOX (MESSAGES HIGHESTMODSEQ)", Status("INBOX", (StatusItem.MESSAGES, StatusItem.HIGHESTMODSEQ))),
    (b"A uid copy $ Archive", Copy(UID, SequenceSet((), saved=True), "Archive")),
    (b"A SEARCH RETURN () ALL", Search(NUMBER, All(), returns=frozenset({SearchReturn.ALL}))),
    (
        b"A SEARCH RETURN () 2:4,*:10 UID $ KEYWORD $Forwarded UNKEYWORD x SENTSINCE 3-mar-2026",
        None,
    ),
    (
        b'A SEARCH MODSEQ "/flags/\\\\draft" all 620 SINCE "01-Sep-2025"',
        Search(
            NUMBER,
            And((ModSeqFrom(620), ReceivedDate(When.SINCE, datetime.date(2025, 9, 1)))),
            modseq=True,
        ),
    ),
    (
        b"A SEARCH (OR $ 1,3000:3021) BODY x KEYWORD $Junk UID 4",
        Search(
            NUMBER,
            And(
                (
                    Or(NumberIn(SequenceSet((), saved=True)), NumberIn(SequenceSet(((1, 1), (3000, 3021))))),
                    BodyContains("x"),
                    HasKeyword("$Junk"),
                    UidIn(one(4)),
                )
            ),
        ),
    ),
    (
        b"A STORE 1:* (UNCHANGEDSINCE 12121230045) -FLAGS.SILENT ()",
        Store(NUMBER, ALL_MESSAGES, FlagAction.REMOVE, SILENT, FlagList(), 12121230045),
    ),
]


@pytest.mark.parametrize(("wire", "expected"), THUNDERBIRD + OTHERS, ids=lambda value: None)
def test_what_clients_write_is_understood(wire: bytes, expected: Command | None) -> None:
    command = parse(wire)
    if expected is not None:
        assert command == expected


@pytest.mark.parametrize("wire", [wire for wire, _ in THUNDERBIRD], ids=lambda value: None)
def test_names_of_commands_and_items_are_taken_in_any_case(wire: bytes) -> None:
    text, literal, rest = wire.partition(b'"')
    assert parse(text.swapcase().replace(b"a ", b"A ", 1) + literal + rest).verb == parse(wire).verb


def test_append_of_thunderbird_has_flags_and_date() -> None:
    command = parse(b'A append "Sent" (\\Seen $Label) "17-Jul-1996 02:44:25 -0700" {4}\r\nbody')
    assert isinstance(command, Append)
    message = command.messages[0]
    assert (command.name, message.flags, message.date) == ("Sent", FlagList(flags.SEEN, ("$Label",)), 837596665)
    assert (message.parts, message.utf8) == ((Literal(4, b"body"),), False)


def test_append_takes_several_messages_and_utf8() -> None:
    command = parse(b"A APPEND x {1}\r\na (\\Draft) {1+}\r\nb UTF8 (~{1}\r\nc) ~{1}\r\nd")
    assert isinstance(command, Append)
    assert [(m.parts, m.utf8) for m in command.messages] == [
        ((Literal(1, b"a"),), False),
        ((Literal(1, b"b"),), False),
        ((Literal(1, b"c", binary=True),), True),
        ((Literal(1, b"d", binary=True),), False),
    ]


def test_login_by_literals() -> None:
    assert parse(b'A LOGIN {4}\r\nprof {6+}\r\np\xc3\xa9s"\\') == Login("prof", 'pés"\\')


def test_initial_responses() -> None:
    assert parse(b"A AUTHENTICATE PLAIN AGFiYwBkZWY=") == Authenticate("PLAIN", b"\0abc\0def")
    assert parse(b"A authenticate external =") == Authenticate("EXTERNAL", b"")


def test_secrets_are_in_no_repr() -> None:
    shown = repr([parse(b"A LOGIN prof motdepasse"), parse(b"A AUTHENTICATE PLAIN bW90ZGVwYXNzZQ==")])
    assert "motdepasse" not in shown
    assert "prof" not in shown
    assert "motdepasse" not in repr(frame(b"A LOGIN prof {10}\r\nmotdepasse"))


def test_the_tag_comes_back() -> None:
    assert parse_command(frame(b"a]1.*".replace(b"*", b"x") + b" NOOP"))[0] == "a]1.x"
