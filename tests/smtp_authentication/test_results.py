"""Authentication-Results: what is written can be read, and what others wrote is read or refused, never guessed."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtp.authentication.results import AuthenticationResults, Resinfo, authserv_id, parse
from smtp.header import read_fields

MICROSOFT = (
    "mx.microsoft.com 1; spf=pass (sender ip is 192.0.2.1) smtp.rcpttodomain=example.org\r\n smtp.mailfrom=example.net;"
    " dmarc=pass (p=reject sp=none pct=100) action=none\r\n header.from=example.net; dkim=pass (signature was verified)"
    " header.d=example.net;arc=none"
)
GOOGLE = (
    "mx.google.com;\r\n       dkim=pass header.i=@example.net header.s=s1 header.b=Ab/3=;\r\n"
    "       spf=pass (google.com: domain of a@example.net designates 192.0.2.1) smtp.mailfrom=a@example.net;\r\n"
    "       dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=example.net"
)


def test_fields_of_large_providers() -> None:
    found = parse(MICROSOFT)
    assert found.authserv_id == "mx.microsoft.com"
    assert [(one.method, one.result) for one in found.resinfos] == [
        ("spf", "pass"), ("dmarc", "pass"), ("dkim", "pass"), ("arc", "none"),
    ]  # fmt: skip
    [dmarc] = found.of("dmarc")
    assert dmarc.property("header.from") == "example.net"
    [dkim] = parse(GOOGLE).of("dkim")
    assert dkim.properties == (("header.i", "@example.net"), ("header.s", "s1"), ("header.b", "Ab/3="))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("example.com; none", ()),
        ("example.com 1; none", ()),
        ("example.com (a (nested) one) 1 (and) ; (so) none", ()),
        ("example.com; AUTH=Pass (cram-md5) smtp.auth=a@example.net",
         (("auth", "pass", "", (("smtp.auth", "a@example.net"),)),)),
        ('e.com; spf/1 = fail reason = "a \\"b\\"; c" smtp . mailfrom = "x y"@example.net;',
         (("spf", "fail", 'a "b"; c', (("smtp.mailfrom", '"x y"@example.net'),)),)),
        ("e.com; dkim=pass reason=good header.d=e.net; dkim=fail",
         (("dkim", "pass", "good", (("header.d", "e.net"),)), ("dkim", "fail", "", ()))),
    ],
)  # fmt: skip
def test_the_grammar(value: str, expected: tuple[tuple[str, str, str, tuple[tuple[str, str], ...]], ...]) -> None:
    assert parse(value).resinfos == tuple(Resinfo(*one) for one in expected)


@pytest.mark.parametrize(
    "value",
    ["", ";", "a b; none", "a 2; none", "a; spf", "a; spf=", "a; =pass", "a; spf=pass x.y", "a (; spf=pass",
     "a; spf=pass )", '"a; spf=pass', "a; spf=pass smtp.=b", "a; " + "spf=pass;" * 200, "a; spf=pass" + " x.y=z" * 200,
     "a;none;none;(" * 9],
)  # fmt: skip
def test_what_is_no_such_field(value: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse(value)


@pytest.mark.parametrize(
    ("value", "who"),
    [
        (" mx.example.org; none", "mx.example.org"),
        ("(c) mx.example.org (d)1(e)", "mx.example.org"),
        ('"mx.example.org" 01; x=', "mx.example.org"),
        ('"mx\\.example.org"; none', "mx.example.org"),
        ("\r\n\tmx.example.org\r\n\t; none", "mx.example.org"),
        ("mx.example.org 2; none", None),
        ("mx.example.org x; none", None),
        ("(mx.example.org; none", None),
        ("mx.example.org, other; none", None),
        ('"(" mx.example.org; dkim=pass ")"', None),
        ("", None),
    ],
)
def test_who_speaks(value: str, who: str | None) -> None:
    assert authserv_id(value) == who


_KEYWORDS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
_TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30)
_RESINFOS = st.builds(
    Resinfo,
    _KEYWORDS,
    _KEYWORDS,
    st.one_of(st.just(""), _TEXTS),
    st.lists(st.tuples(st.builds("{}.{}".format, _KEYWORDS, _KEYWORDS), _TEXTS), max_size=4).map(tuple),
)


@settings(deadline=None)
@given(_TEXTS, st.lists(_RESINFOS, min_size=1, max_size=5).map(tuple))
def test_what_is_written_can_be_read(who: str, resinfos: tuple[Resinfo, ...]) -> None:
    written = AuthenticationResults(who, resinfos)
    [(name, value, whole)] = read_fields(written.field())
    assert (name, whole) == (b"authentication-results", written.field())
    assert parse(value.decode()) == written
    assert max(map(len, whole.split(b"\r\n"))) < 998


@settings(deadline=None)
@given(st.text(), st.lists(st.tuples(st.text(), st.text())))
def test_nothing_that_a_stranger_says_leaves_its_place(reason: str, properties: list[tuple[str, str]]) -> None:
    named = tuple((f"header.p{at}", f"{one}{two}") for at, (one, two) in enumerate(properties))
    field = AuthenticationResults("mx.example.org", (Resinfo("dkim", "fail", reason, named),)).field()
    [(_, value, whole)] = read_fields(field)
    assert whole == field
    assert [(one.method, one.result) for one in parse(value.decode()).resinfos] == [("dkim", "fail")]


@settings(deadline=None)
@given(st.text(st.sampled_from('ab;=()\\". \r\n\t/1@'), max_size=60))
def test_no_text_breaks_the_parser(value: str) -> None:
    who = authserv_id(value)
    with contextlib.suppress(ValueError):
        assert parse(value).authserv_id == who


@pytest.mark.parametrize("piece", ["(", "()", '"', "\\", "a; b=c d.e=", ";", " ", "(" * 50 + ")" * 50])
def test_a_long_field_costs_its_length(piece: str) -> None:
    value = piece * (200_000 // len(piece))
    began = time.process_time()
    authserv_id(value)
    with contextlib.suppress(ValueError):
        parse(value)
    assert time.process_time() - began < 10


def test_no_method_was_tried() -> None:
    assert AuthenticationResults("mx.example.org").field() == b"Authentication-Results: mx.example.org;\r\n\tnone\r\n"
    assert parse("mx.example.org;\r\n\tnone") == AuthenticationResults("mx.example.org")
