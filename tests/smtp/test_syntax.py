"""The command grammar: what is let in, what is refused and with which reply."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp.handler import SmtpError
from smtp.replies import render
from smtp.syntax import decode_xtext, parse_bdat, parse_host, parse_mail, parse_rcpt, split_command


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("<prof@ecole.example>", "prof@ecole.example"),
        ("<Prof.X+cours@Ecole.Example>", "Prof.X+cours@Ecole.Example"),
        ("<@a.example,@b.example:prof@c.example>", "prof@c.example"),
        ('<"prof"@c.example>', "prof@c.example"),
        (r'<"un \"prof\" > là"@c.example>'.replace("à", "a"), r'"un \"prof\" > la"@c.example'),
        ("<prof@[192.0.2.1]>", "prof@[192.0.2.1]"),
        ("<prof@[IPv6:2001:db8::1]>", "prof@[IPv6:2001:db8::1]"),
        ("<Postmaster>", "postmaster"),
        ("  <a@b>", "a@b"),
    ],
)
def test_addresses_that_are_taken(path: str, address: str) -> None:
    assert parse_rcpt(f"TO:{path}", utf8=False).address == address


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a@b",
        "<a>",
        "<@b>",
        "<a@>",
        "<a@b",
        "<a@b>x",
        "<a@@b>",
        "<a b@c>",
        "<.a@b>",
        "<a.@b>",
        "<a..b@c>",
        "<a@b..c>",
        "<a@-b>",
        "<a@b->",
        "<a@b_c>",
        "<a@[1.2.3]>",
        "<a@[IPv6:::1%eth0]>",
        "<a@[x]>",
        '<"a@b>',
        '<"a"b@c>',
        "<<a@b>>",
        "<a@b>,<c@d>",
        f"<{'a' * 65}@b>",
        f"<a@{'b.' * 130}c>",
        f"<a@{'b' * 64}>",
        "<(comment)a@b>",
        "<a@b;c>",
    ],
)
def test_addresses_that_are_refused(path: str) -> None:
    for parse in (lambda: parse_mail(f"FROM:{path}"), lambda: parse_rcpt(f"TO:{path}", utf8=True)):
        with pytest.raises(SmtpError) as refusal:
            parse()
        assert refusal.value.code == 501
    with pytest.raises(SmtpError):
        parse_rcpt("TO:<>", utf8=False)


def test_addresses_outside_ascii_need_smtputf8() -> None:
    with pytest.raises(SmtpError, match=r"^550 5\.6\.7"):
        parse_mail("FROM:<élève@ecole.example>")
    with pytest.raises(SmtpError, match=r"^553 5\.6\.7"):
        parse_rcpt("TO:<a@école.example>", utf8=False)
    assert parse_mail("FROM:<élève@école.example> SMTPUTF8").address == "élève@école.example"
    assert parse_rcpt("TO:<élève@école.example>", utf8=True).address == "élève@école.example"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ("SIZE=x", 501),
        ("SIZE", 501),
        ("SIZE=123456789012345678901", 501),
        ("SIZE=1 SIZE=2", 501),
        ("BODY=BINARYMIME", 501),
        ("BODY", 501),
        ("SMTPUTF8=1", 501),
        ("RET=SOME", 501),
        ("ENVID", 501),
        ("ENVID=a+0D+0Ab", 501),
        ("ENVID=+4", 501),
        (f"ENVID={'x' * 101}", 501),
        ("AUTH", 501),
        ("AUTH=+zz", 501),
        ("=x", 501),
        ("A=B=C", 501),
        ("XYZ", 555),
    ],
)
def test_mail_parameters_that_are_refused(parameters: str, code: int) -> None:
    with pytest.raises(SmtpError) as refusal:
        parse_mail(f"FROM:<a@b> {parameters}")
    assert (refusal.value.code, refusal.value.status) == (code, "5.5.4")


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ("NOTIFY=NEVER,SUCCESS", 501),
        ("NOTIFY=", 501),
        ("NOTIFY", 501),
        ("NOTIFY=SOMETIMES", 501),
        ("ORCPT=a@b", 501),
        ("ORCPT=rfc822;", 501),
        ("ORCPT=rfc822;a+0A", 501),
        ("ORCPT=utf-8;a+b", 501),
        (r"ORCPT=utf-8;\x{zz}", 501),
        ("ORCPT", 501),
        ("RRVS=2014-04-03", 555),
    ],
)
def test_rcpt_parameters_that_are_refused(parameters: str, code: int) -> None:
    with pytest.raises(SmtpError) as refusal:
        parse_rcpt(f"TO:<a@b> {parameters}", utf8=False)
    assert refusal.value.code == code


def test_original_recipients_in_both_forms() -> None:
    assert parse_rcpt("TO:<a@b> ORCPT=rfc822;a+2Bb@c", utf8=False).original == "rfc822;a+b@c"
    assert parse_rcpt(r"TO:<a@b> ORCPT=utf-8;\x{E9}a@c", utf8=False).original == r"utf-8;\x{E9}a@c"
    assert parse_rcpt("TO:<a@b> NOTIFY=never", utf8=False).notify == {"NEVER"}


@given(st.text())
def test_no_argument_makes_a_parser_fall(text: str) -> None:
    parsers: list[Callable[[str], object]] = [
        parse_mail,
        parse_bdat,
        parse_host,
        lambda value: parse_rcpt(value, utf8=True),
    ]
    for parse in parsers:
        for argument in (text, f"FROM:<{text}", f"TO:<{text}>", f"FROM:<a@b> {text}"):
            with contextlib.suppress(SmtpError):
                parse(argument)
    with contextlib.suppress(SmtpError):
        split_command(text.encode("utf-8", "surrogatepass"))


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=50))
def test_xtext_gives_back_what_was_encoded(text: str) -> None:
    encoded = "".join(f"+{ord(letter):02X}" if letter in "+= " else letter for letter in text)
    assert decode_xtext(encoded, 500) == text


@given(st.text(max_size=2_000))
def test_replies_are_ascii_lines_of_a_decent_length(text: str) -> None:
    lines = render(550, "5.1.1", text).split(b"\r\n")
    assert lines.pop() == b""
    assert lines[-1].startswith(b"550 5.1.1 ")
    for line in lines:
        assert line.startswith((b"550-5.1.1 ", b"550 5.1.1 "))
        assert len(line) <= 510
        assert line.decode("ascii").isprintable()
