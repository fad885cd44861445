"""The header of a message that a list posts."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.list_settings import ListSettings, Reply
from mailgate.delivery.posting import PostedTo, as_posted, has_passed, is_automatic_reply, wants_no_answer
from smtp.header import Header, read_fields
from smtp.message import Prepared

ADDRESS = "6eme-a.parents@clg-mistral.ent.example.org"
HEADER = b"From: a@ent.example.org\r\nSubject: Sortie\r\nMessage-ID: <1@x>\r\n"
LINE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=40)


def posted(header: bytes, label: str = "6ème A", **settings: object) -> EmailMessage:
    """A message as the members get it, read again."""
    message = Prepared(Header(read_fields(header)), Header(()), ("a@ent.example.org",), None)
    copy = as_posted(message, PostedTo(ADDRESS, label, ListSettings(**settings)))  # type: ignore[arg-type]
    assert Header(read_fields(copy.header.octets)) == copy.header
    assert copy.header.octets.isascii()
    return email.message_from_bytes(copy.header.octets, policy=email.policy.default)


def test_a_list_says_which_it_is_and_changes_nothing_else() -> None:
    copy = posted(HEADER)
    assert copy["List-Id"].endswith("<6eme-a.parents.clg-mistral.ent.example.org>")
    assert copy["List-Post"] == f"<mailto:{ADDRESS}>"
    assert copy["List-Help"] == f"<mailto:help+{ADDRESS}?subject=help>"
    assert copy["Precedence"] == "list"
    assert (copy["Subject"], copy["Reply-To"], copy["From"]) == ("Sortie", None, "a@ent.example.org")


def test_fields_of_another_list_are_not_passed_on() -> None:
    copy = posted(
        HEADER
        + b"List-Id: <other.example.org>\r\nList-Help: <mailto:x@y>\r\nList-Unsubscribe: <mailto:x@example.org>\r\n"
    )
    assert len(copy.get_all("List-Id") or []) == len(copy.get_all("List-Help") or []) == 1
    assert copy["List-Unsubscribe"] is None


def test_only_a_list_that_may_be_left_says_how() -> None:
    assert posted(HEADER)["List-Unsubscribe"] is None
    assert posted(HEADER, leaving=True)["List-Unsubscribe"] == f"<mailto:leave+{ADDRESS}?subject=unsubscribe>"


@pytest.mark.parametrize(("tag", "expected"), [("6A", "[6A] Sortie"), ("Vie scolaire é", "[Vie scolaire é] Sortie")])
def test_a_tag_stands_before_the_subject_once(tag: str, expected: str) -> None:
    copy = posted(HEADER, tag=tag)
    assert copy["Subject"] == expected
    encoded = posted(HEADER.replace(b"Sortie", b"=?utf-8?q?Sortie_=C3=A0_S=C3=A8te?="), tag=tag)
    assert encoded["Subject"] == expected.replace("Sortie", "Sortie à Sète")
    answer = HEADER.replace(b"Sortie", b"Re: [6A] Sortie")
    assert posted(answer, tag="6A")["Subject"] == "Re: [6A] Sortie"


def test_what_is_signed_stays_as_it_was_signed() -> None:
    copy = posted(b"DKIM-Signature: v=1; h=subject:reply-to\r\n" + HEADER, tag="6A", reply=Reply.LIST)
    assert (copy["Subject"], copy["Reply-To"]) == ("Sortie", None)


def test_answers_go_where_the_list_wants_them() -> None:
    written = HEADER + b"Reply-To: me@ent.example.org\r\n"
    assert posted(written)["Reply-To"] == "me@ent.example.org"
    assert posted(written, reply=Reply.LIST).get_all("Reply-To") == [ADDRESS]
    to = posted(written, reply=Reply.ADDRESS, reply_to="secretariat@ent.example.org")
    assert to.get_all("Reply-To") == ["secretariat@ent.example.org"]


def test_a_loop_is_seen() -> None:
    message = Prepared(Header(read_fields(HEADER)), Header(()), (), None)
    assert not has_passed(message.header, ADDRESS)
    copy = as_posted(message, PostedTo(ADDRESS, "", ListSettings()))
    assert has_passed(copy.header, ADDRESS)
    assert not has_passed(copy.header, "6eme-b.parents@clg-mistral.ent.example.org")


@pytest.mark.parametrize(
    ("value", "automatic"),
    [(b"auto-replied", True), (b" Auto-Replied; x=y", True), (b"auto-generated", False), (b"no", False)],
)
def test_automatic_answers_are_told_by_their_field(value: bytes, *, automatic: bool) -> None:
    assert is_automatic_reply(Header(read_fields(HEADER + b"Auto-Submitted: " + value + b"\r\n"))) is automatic


@given(LINE, LINE)
def test_no_label_and_no_tag_breaks_the_header(label: str, tag: str) -> None:
    copy = posted(HEADER, label=label, tag=tag.strip().strip("[]").strip())
    assert copy["List-Id"].endswith("<6eme-a.parents.clg-mistral.ent.example.org>")
    assert copy["Message-ID"] == "<1@x>"
    assert copy["Subject"].endswith("Sortie")


@pytest.mark.parametrize(
    ("field", "answered"),
    [
        (b"Auto-Submitted: auto-generated", False),
        (b"Auto-Submitted: no", True),
        (b"Precedence: Bulk", False),
        (b"Precedence: first-class", True),
        (b"List-Id: <x.example.org>", False),
    ],
)
def test_programs_get_no_answer(field: bytes, *, answered: bool) -> None:
    assert wants_no_answer(Header(read_fields(HEADER + field + b"\r\n"))) is not answered
