"""The header of a message from another server: what goes, what stays to the octet, and who wrote it."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp.arrival import arrived
from smtp.handler import SmtpError
from smtp.header import read_fields
from smtp.message import read_header

TRACE = b"Return-Path: <ami@elsewhere.example>\r\nReceived: from a by b; now\r\n"


FRONT = frozenset({"front.ecole.example"})


def made(text: bytes, admitted: frozenset[str] = frozenset()) -> bytes:
    content = io.BytesIO(text)
    return b"".join(arrived(read_header(content), read_fields(TRACE), admitted=admitted).blocks(content))


def test_the_trace_comes_on_top_and_nothing_else_changes() -> None:
    text = b"DKIM-Signature: v=1;\r\n b=AAAA\r\nfrom :  Ami <ami@elsewhere.example>\r\nBcc: x@y.example\r\n\r\nBody\r\n"
    assert made(text) == TRACE + text


def test_return_path_and_results_of_others_go() -> None:
    text = (
        b"Return-Path: <mallory@x.example>\r\nAuthentication-Results: mx.ecole.example; spf=pass\r\n"
        b"AUTHENTICATION-RESULTS : relay.elsewhere.example;\r\n\tdkim=pass\r\n"
        b"ARC-Authentication-Results: i=1; x; spf=pass\r\nFrom: a@x.example\r\n\r\nBody\r\n"
    )
    kept = b"ARC-Authentication-Results: i=1; x; spf=pass\r\nFrom: a@x.example\r\n\r\nBody\r\n"
    assert made(text) == TRACE + kept


@pytest.mark.parametrize(
    "value",
    [
        b" front.ecole.example; spf=pass", b" FRONT.Ecole.Example 1; none", b"\r\n\tfront.ecole.example;\r\n\tspf=pass",
        b" (a (nested) one) front.ecole.example (more); spf=pass", b' "front.ecole.example"; spf=pass',
    ],
)  # fmt: skip
def test_results_of_a_server_that_is_admitted_stay(value: bytes) -> None:
    text = b"Authentication-Results:%b\r\nFrom: a@x.example\r\n\r\n" % value
    assert made(text, FRONT) == TRACE + text
    assert made(text) == TRACE + b"From: a@x.example\r\n\r\n"


@pytest.mark.parametrize(
    "value",
    [
        b" mx.elsewhere.example; spf=pass", b" (front.ecole.example) other.example 1; none", b"", b" ;",
        b" front.ecole.example 2; spf=pass", b" front.ecole.example other; spf=pass",
        b" (never ends front.ecole.example; spf=pass", b' "front.ecole.example; spf=pass',
        b" front.ecole.example, other.example; none", b" \xe9front.ecole.example; none",
    ],
)  # fmt: skip
def test_results_of_others_go_whomever_they_name(value: bytes) -> None:
    text = b"Authentication-Results:%b\r\nFrom: a@x.example\r\n\r\n" % value
    assert made(text, FRONT) == TRACE + b"From: a@x.example\r\n\r\n"


@given(st.binary(max_size=200).map(lambda one: one.translate(None, b"\r\n")))
def test_any_value_is_judged(value: bytes) -> None:
    text = b"Authentication-Results:%b\r\nFrom: a@x.example\r\n\r\n" % value
    assert made(text, FRONT) == TRACE + b"From: a@x.example\r\n\r\n"


def test_authors_sender_and_message_id_are_read() -> None:
    text = b"From: A <a@x.example>, b@y.example\r\nSender: c@z.example\r\nMessage-ID:\r\n <1@x.example>\r\n\r\n"
    found = arrived(read_header(io.BytesIO(text)), ())
    assert (found.authors, found.sender, found.message_id) == (
        ("a@x.example", "b@y.example"), "c@z.example", "<1@x.example>"
    )  # fmt: skip


@pytest.mark.parametrize(
    "header",
    [
        b"Subject: x\r\n", b"From: \r\n", b"From: a@x.example\r\nFrom: b@x.example\r\n", b"From: nobody\r\n",
        b"From: a@x.example\r\nSender: a@x.example\r\nSender: b@x.example\r\n",
        b"From: a@x.example\r\nSender: <a@x.example\r\n", b" folded\r\nFrom: a@x.example\r\n",
        b"garbage\r\nFrom: a@x.example\r\n",
    ],
)  # fmt: skip
def test_a_header_without_one_clear_author_is_refused(header: bytes) -> None:
    with pytest.raises(SmtpError) as refused:
        made(header + b"\r\nBody\r\n")
    assert (refused.value.code, refused.value.status) == (554, "5.6.0")


def test_what_is_no_field_begins_the_body_for_everybody() -> None:
    """A second author behind it is text: an empty line says so to every program."""
    text = b"From: a@x.example\r\ngarbage\r\nFrom: head@ecole.example\r\n\r\nBody\r\n"
    assert made(text) == TRACE + b"From: a@x.example\r\n\r\ngarbage\r\nFrom: head@ecole.example\r\n\r\nBody\r\n"
