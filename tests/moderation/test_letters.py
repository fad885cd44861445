"""Notices: whatever a stranger writes stays text in them, and the message attached is that message."""

from __future__ import annotations

import email
import email.policy
import io
from email.message import EmailMessage
from typing import IO

from hypothesis import given
from hypothesis import strategies as st

from mailgate.moderation.held import HeldMessage, State
from mailgate.moderation.holding import Message
from mailgate.moderation.letters import Letter, write
from mailgate.moderation.links import link
from mailgate.moderation.tokens import Action
from mailgate.moderation.wording import Writer
from smtp.header import Header, read_fields
from smtp.message import Prepared
from tests.moderation.desk import SERVICE

LIST = "6eme-a.parents@clg-mistral.ent.example.org"


def held(subject: str = "Sortie", **values: object) -> HeldMessage:
    """A message that waits."""
    return HeldMessage(
        held_id=5, content_id=6, state=State.HELD, reason="policy", language="fr", sender_id=7,
        writer="lea.roy@ent.example.org", kind="list", target_id=8, target=LIST, label="6ème A", subject=subject,
        message_ref="<1@client.example>", size=2_000, header_size=100, reach=47, direct="{}", created_at=1_000,
        expires_at=2_000, **values,  # type: ignore[arg-type]
    )  # fmt: skip


def message(raw_subject: bytes, body: bytes = b"Bonjour\r\n", message_id: str = "<1@client.example>") -> Message:
    """A message on its way in."""
    block = b"Subject: %b\r\nMessage-ID: %b\r\n" % (raw_subject, message_id.encode())
    header = Header(read_fields(block))
    prepared = Prepared(header, header, ("lea.roy@ent.example.org",), None)
    return Message(prepared, io.BytesIO(header.octets + body), header.size + len(body))


def read(content: IO[bytes]) -> EmailMessage:
    with content:
        found = email.message_from_binary_file(content, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def notice(of: HeldMessage, original: IO[bytes] | None) -> EmailMessage:
    actions = (Action.APPROVE, Action.REFUSE, Action.REPLY)
    approve, refuse, reply = (link(SERVICE, b"k" * 32, of, 1, 9, action) for action in actions)
    letter = Writer("fr").notice(of, approve, refuse, reply.mail, attached=original is not None)
    return read(write(letter, SERVICE, of, "anne.roy@ent.example.org", original))


@given(st.binary(max_size=400).map(lambda raw: raw.replace(b"\r", b"").replace(b"\n", b"")))
def test_no_subject_breaks_a_notice(raw: bytes) -> None:
    given_subject = message(raw).subject
    assert given_subject.isprintable()
    made = notice(held(given_subject), None)
    assert made["To"] == "anne.roy@ent.example.org"
    assert made["Auto-Submitted"] == "auto-generated"
    assert made["List-Id"] == f"<{LIST.replace('@', '.')}>"
    assert len(made.get_all("Subject") or []) == 1


@given(st.text(alphabet="<>&\"'ab/ =", max_size=60))
def test_markup_of_a_stranger_is_text(subject: str) -> None:
    made = notice(held(" ".join(subject.split())), None).get_body(("html",))
    assert made is not None
    page = made.get_content()
    assert page.count("<p>") == page.count("</p>")
    assert page.count("<a ") == page.count("</a>") == 4


def test_the_message_attached_is_the_message() -> None:
    original = message(b"=?utf-8?q?Sortie_=C3=A0_S=C3=A8te?=", b"Bonjour \xc3\xa0 tous\r\n--=_not a boundary--\r\n")
    original.content.read()
    [attached] = notice(held(), original.content).iter_attachments()
    assert attached.get_content_type() == "message/rfc822"
    inner = attached.get_payload(0)
    assert isinstance(inner, EmailMessage)
    assert inner["Subject"] == "Sortie à Sète"
    assert "not a boundary" in str(inner.get_payload())


def test_a_message_id_that_others_could_not_refer_to_is_left_out() -> None:
    assert message(b"x", message_id="<1@client.example>").reference == "<1@client.example>"
    for odd in ("", "1@x", "<a b@x>", "<é@x>", "<" + "x" * 300 + "@x>"):
        assert message(b"x", message_id=odd).reference == ""


def test_a_letter_without_a_reader_in_to() -> None:
    made = read(write(Letter("Modération", "Décidé : x", ["Un", "Deux"]), SERVICE, held(), ""))
    assert made["To"] == "undisclosed-recipients:;"
    assert made["From"] == "Modération <moderation@ent.example.org>"
    assert made["References"] == "<held.5@mail.example.org>"
