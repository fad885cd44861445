"""What the grammar does not allow is BAD, and what it allows and nobody can do is NO."""

from __future__ import annotations

import io

import pytest

from imap.errors import BadCharset, BadCommand, CommandRefused
from imap.parsing import CommandInput, Literal, parse_command
from tests.imap_parsing.framing import parse

MALFORMED = [
    b"",
    b"A",
    b"A ",
    b"+ NOOP",
    b"A+ NOOP",
    b" NOOP",
    b"A  NOOP",
    b"A NOOP ",
    b"A NOOP x",
    b"A FOO",
    b"A NOOP\0",
    b"A X-\xe9",
    b"A UID",
    b"A UID NOOP",
    b"A UID EXPUNGE",
    b"A LOGIN prof",
    b'A LOGIN prof "open',
    b'A LOGIN prof "b\\ad"',
    b'A LOGIN prof "n\0l"',
    b'A LOGIN prof "\xe9"',
    b"A LOGIN prof {1}\r\n\xe9",
    b"A LOGIN prof {1}\r\n\0",
    b"A LOGIN prof ~{1}\r\na",
    b"A LOGIN prof (x)",
    b"A AUTHENTICATE",
    b"A AUTHENTICATE PLAIN ",
    b"A AUTHENTICATE PLAIN A",
    b"A AUTHENTICATE PLAIN AGFi*wBk",
    b"A AUTHENTICATE PLAIN AGFiY===",
    b"A ENABLE",
    b"A ENABLE ",
    b"A ENABLE CONDSTORE ",
    b"A ID",
    b"A ID foo",
    b'A ID ("name")',
    b'A ID ("name" "x" )',
    b"A ID (" + b" ".join([b'"a" "b"'] * 31) + b")",
    b"A ID (" + b'"' + b"a" * 31 + b'" NIL)',
    b'A ID ("a" "' + b"a" * 1025 + b'")',
    b'A ID "name"',
    b"A SELECT",
    b"A SELECT a b",
    b"A SELECT a ()",
    b"A SELECT a (FOO)",
    b"A SELECT a (CONDSTORE CONDSTORE)",
    b"A SELECT a (QRESYNC)",
    b"A SELECT a (QRESYNC (1))",
    b"A SELECT a (QRESYNC (0 1))",
    b"A SELECT a (QRESYNC (1 0))",
    b"A SELECT a (QRESYNC (4294967296 1))",
    b"A SELECT a (QRESYNC (1 9223372036854775808))",
    b"A SELECT a (QRESYNC (1 1 1:*))",
    b"A SELECT a (QRESYNC (1 1 $))",
    b"A SELECT a (QRESYNC (1 1 1:2 3))",
    b"A SELECT a (QRESYNC (1 1 (1:2)))",
    b"A SELECT a (QRESYNC (1 1) QRESYNC (1 1))",
    # modified UTF-7 (RFC 3501 section 5.1.3)
    b"A CREATE a&b",
    b"A CREATE &Jjo",
    b"A CREATE &Jjo!",
    b"A CREATE &AGE-",
    b"A CREATE &AOk-&AOk-",
    b"A CREATE &AO/p-",
    b"A CREATE &2AA-",
    b"A CREATE &A-",
    b"A CREATE &AOl-",
    b'A CREATE "&AAo-"',
    b'A CREATE "\xc3\xa9"',
    b'A CREATE "a\tb"',
    b"A CREATE x (USE)",
    b"A CREATE x (USE \\Sent)",
    b"A CREATE x (USE (Sent))",
    b"A CREATE x (FOO)",
    b"A CREATE " + b"a" * 4_097,
    b"A RENAME a",
    b"A DELETE",
    b"A STATUS a",
    b"A STATUS a ()",
    b"A STATUS a (FOO)",
    b"A STATUS a MESSAGES",
    b"A STATUS a (MESSAGES",
    b"A STATUS a ( MESSAGES)",
    b"A LIST",
    b'A LIST ""',
    b'A LIST "" ()',
    b'A LIST (RECURSIVEMATCH) "" *',
    b'A LIST (RECURSIVEMATCH REMOTE) "" *',
    b'A LIST (FOO) "" *',
    b'A LIST "" * RETURN',
    b'A LIST "" * RETURN (FOO)',
    b'A LIST "" * RETURN (STATUS)',
    b'A LIST "" * RETURN (STATUS ())',
    b'A LIST "" * FOO ()',
    b'A LIST "" &',
    b'A LIST "" (' + b" ".join([b"a"] * 101) + b")",
    b"A APPEND x",
    b"A APPEND x (\\Seen)",
    b'A APPEND x "text"',
    b"A APPEND x (\\Recent) {1}\r\na",
    b"A APPEND x (\\Seen {1}\r\na",
    b'A APPEND x "31-Feb-2026 00:00:00 +0000" {1}\r\na',
    b'A APPEND x "1-Feb-2026 00:00:00 +0000" {1}\r\na',
    b'A APPEND x "01-Feb-2026 24:00:00 +0000" {1}\r\na',
    b'A APPEND x "01-Feb-2026 00:00:00 +0060" {1}\r\na',
    b'A APPEND x "01-Feb-0000 00:00:00 +0000" {1}\r\na',
    b"A APPEND x {1}\r\na ",
    b"A APPEND x {1}\r\na{1}\r\na",
    b"A APPEND x UTF8 ({1}\r\na)",
    b"A APPEND x UTF8 (~{1}\r\na",
    b"A APPEND x UTF8 ~{1}\r\na",
    # sets
    b"A FETCH 0 FLAGS",
    b"A FETCH 1:0 FLAGS",
    b"A FETCH 01 FLAGS",
    b"A FETCH 4294967296 FLAGS",
    b"A FETCH 1:4294967296 FLAGS",
    b"A FETCH " + b"9" * 6000 + b" FLAGS",
    b"A FETCH -1 FLAGS",
    b"A FETCH 1, FLAGS",
    b"A FETCH ,1 FLAGS",
    b"A FETCH 1::2 FLAGS",
    b"A FETCH 1:2:3 FLAGS",
    b"A FETCH 1-2 FLAGS",
    b"A FETCH ** FLAGS",
    b"A FETCH a FLAGS",
    b"A FETCH  1 FLAGS",
    b"A FETCH " + b",".join([b"1"] * 32_769) + b" FLAGS",
    # items
    b"A FETCH 1",
    b"A FETCH 1 ",
    b"A FETCH 1 ()",
    b"A FETCH 1 (FLAGS",
    b"A FETCH 1 (FLAGS )",
    b"A FETCH 1 (ALL)",
    b"A FETCH 1 FOO",
    b"A FETCH 1 (RFC822.PEEK)",
    b"A FETCH 1 RFC822.PEEK",
    b"A FETCH 1 BODY.PEEK",
    b"A FETCH 1 BODY.STRUCTURE",
    b"A FETCH 1 BODY[",
    b"A FETCH 1 BODY[1.]",
    b"A FETCH 1 BODY[.1]",
    b"A FETCH 1 BODY[0]",
    b"A FETCH 1 BODY[1.0]",
    b"A FETCH 1 BODY[01]",
    b"A FETCH 1 BODY[1..2]",
    b"A FETCH 1 BODY[4294967296]",
    b"A FETCH 1 BODY[MIME]",
    b"A FETCH 1 BODY[FOO]",
    b"A FETCH 1 BODY[1.FOO]",
    b"A FETCH 1 BODY[1.HEADER.FIELDS]",
    b"A FETCH 1 BODY[HEADER.FIELDS]",
    b"A FETCH 1 BODY[HEADER.FIELDS ()]",
    b"A FETCH 1 BODY[HEADER.FIELDS (a:b)]",
    b"A FETCH 1 BODY[HEADER (a)]",
    b'A FETCH 1 BODY[HEADER.FIELDS ("\xc3\xa9")]',
    b"A FETCH 1 BODY[TEXT.1]",
    b"A FETCH 1 BODY [TEXT]",
    b"A FETCH 1 BODY[]<0.0>",
    b"A FETCH 1 BODY[]<0>",
    b"A FETCH 1 BODY[]<1.2",
    b"A FETCH 1 BODY[]<-1.2>",
    b"A FETCH 1 BODY[]<0.9223372036854775808>",
    b"A FETCH 1 BODY<0.1>",
    b"A FETCH 1 FLAGS[1]",
    b"A FETCH 1 RFC822[]",
    b"A FETCH 1 BINARY",
    b"A FETCH 1 BINARY[TEXT]",
    b"A FETCH 1 BINARY[1.MIME]",
    b"A FETCH 1 BINARY.SIZE[1]<0.1>",
    b"A FETCH 1 BODY[" + b".".join([b"1"] * 101) + b"]",
    b"A FETCH 1 (" + b" ".join([b"UID"] * 101) + b")",
    b"A FETCH 1 BODY[HEADER.FIELDS (" + b" ".join([b"a"] * 201) + b")]",
    b"A FETCH 1 FLAGS (FOO)",
    b"A FETCH 1 FLAGS ()",
    b"A FETCH 1 FLAGS (VANISHED)",
    b"A UID FETCH 1 FLAGS (VANISHED)",
    b"A FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)",
    b"A FETCH 1 FLAGS (CHANGEDSINCE)",
    b"A FETCH 1 FLAGS (CHANGEDSINCE 1 CHANGEDSINCE 2)",
    b"A FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775808)",
    # STORE and COPY
    b"A STORE 1 FLAGS",
    b"A STORE 1 FLAGS ",
    b"A STORE 1 FLAG (\\Seen)",
    b"A STORE 1 *FLAGS (\\Seen)",
    b"A STORE 1 FLAGS.LOUD (\\Seen)",
    b"A STORE 1 FLAGS (\\Recent)",
    b"A STORE 1 FLAGS (\\*)",
    b"A STORE 1 FLAGS (\\Foo)",
    b"A STORE 1 FLAGS (\\Seen,\\Draft)",
    b'A STORE 1 FLAGS ("a")',
    b"A STORE 1 FLAGS (" + b" ".join([b"a"] * 101) + b")",
    b"A STORE 1 FLAGS" + b" a" * 101,
    b"A STORE 1 FLAGS (" + b"a" * 256 + b")",
    b"A STORE 1 (UNCHANGEDSINCE 1 UNCHANGEDSINCE 1) FLAGS ()",
    b"A STORE 1 (FOO 1) FLAGS ()",
    b"A STORE 1 () FLAGS ()",
    b"A COPY 1",
    b"A MOVE 1:* ",
    b"A UID MOVE x y",
    # SEARCH
    b"A SEARCH",
    b"A SEARCH ",
    b"A SEARCH FOO",
    b"A SEARCH ()",
    b"A SEARCH (ALL",
    b"A SEARCH ALL)",
    b"A SEARCH NOT",
    b"A SEARCH OR ALL",
    b"A SEARCH SUBJECT",
    b"A SEARCH HEADER Subject",
    b'A SEARCH HEADER "" x',
    b"A SEARCH SINCE 1-Foo-2026",
    b"A SEARCH SINCE 31-Feb-2026",
    b'A SEARCH SINCE "1-Feb-2026',
    b"A SEARCH SINCE 1-Feb-26",
    b"A SEARCH LARGER x",
    b"A SEARCH LARGER 9223372036854775808",
    b"A SEARCH KEYWORD \\Seen",
    b"A SEARCH KEYWORD",
    b"A SEARCH UID 0",
    b"A SEARCH 0",
    b"A SEARCH ALL,",
    b"A SEARCH MODSEQ x",
    b'A SEARCH MODSEQ "/flags/\\\\seen" 1',
    b'A SEARCH MODSEQ "/foo" all 1',
    b'A SEARCH MODSEQ "/flags/x" foo 1',
    b"A SEARCH RETURN ALL",
    b"A SEARCH RETURN (ALL)",
    b"A SEARCH RETURN (FOO) ALL",
    b"A SEARCH CHARSET UTF-8",
    b"A SEARCH TEXT {1}\r\n\xff",
    b'A SEARCH TEXT "\xff"',
    b"A SEARCH " + b"NOT " * 101 + b"ALL",
    b"A SEARCH " + b"(" * 30_000 + b"ALL" + b")" * 30_000,
    b"A SEARCH " + b"OR ALL " * 5_000 + b"ALL",
    b"A SEARCH " + b" ".join([b"ALL"] * 1_001),
]


@pytest.mark.parametrize("wire", MALFORMED, ids=lambda wire: repr(wire[:60]))
def test_malformed_commands_are_bad(wire: bytes) -> None:
    with pytest.raises(BadCommand):
        parse(wire)


def test_the_error_says_what_was_expected_and_where() -> None:
    with pytest.raises(BadCommand) as error:
        parse(b"A FETCH 1 (FLAGS BODY[1.])")
    assert str(error.value) == "Expected a section at octet 25"
    with pytest.raises(BadCommand) as error:
        parse(b"A SELECT {3}\r\nabc x")
    assert str(error.value) == 'Expected "(" at octet 14'


def test_items_of_fetch_that_were_sent_before_are_refused_where_they_stand() -> None:
    for numbers, octet in ((b"1", 16), (b"1:2", 18), (b"1", 16)):
        with pytest.raises(BadCommand) as error:
            parse(b"A FETCH %b (UID NOTHING)" % numbers)
        assert str(error.value) == f"Expected an item of FETCH at octet {octet}"


def test_an_error_repeats_no_secret() -> None:
    for wire in (b"A LOGIN prof secret secret", b"A AUTHENTICATE PLAIN c2VjcmV0c", b"A LOGIN prof {7}\r\nsecret\xff"):
        with pytest.raises(BadCommand) as error:
            parse(wire)
        assert "secret" not in error.value.text
        assert error.value.__cause__ is None or "c2Vj" not in repr(error.value.__cause__)


def test_other_charsets_are_refused_with_those_that_are_known() -> None:
    with pytest.raises(BadCharset) as error:
        parse(b"A SEARCH RETURN (SAVE) CHARSET KOI8-R TEXT {2}\r\n\xd4\xc5")
    assert (error.value.code, error.value.saves) == ("BADCHARSET (US-ASCII UTF-8)", True)
    with pytest.raises(BadCharset) as error:
        parse(b'A SEARCH CHARSET "latin1" ALL')
    assert not error.value.saves


def test_a_mailbox_has_one_special_use() -> None:
    with pytest.raises(CommandRefused) as error:
        parse(b"A CREATE x (USE (\\Sent \\Drafts))")
    assert error.value.code == "USEATTR"


def test_a_file_is_taken_by_append_only() -> None:
    file = Literal(4, io.BytesIO(b"body"))
    assert parse_command(CommandInput([b"A APPEND x ", file, b""]))[1].verb == "APPEND"
    with pytest.raises(BadCommand):
        parse_command(CommandInput([b"A SELECT ", file, b""]))


@pytest.mark.parametrize(
    "parts", [[], [Literal(1, b"a")], [b"A", Literal(1, b"a")], [b"A NOOP", Literal(1, b"a"), b""]]
)
def test_literals_stand_only_where_strings_may(parts: list[bytes | Literal]) -> None:
    with pytest.raises(BadCommand):
        parse_command(CommandInput(parts))
