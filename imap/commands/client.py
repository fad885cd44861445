"""Commands about the connection itself: CAPABILITY, NOOP, CHECK, LOGOUT, ID, STARTTLS, COMPRESS, UNAUTHENTICATE,
ENABLE, IDLE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from imap.clients import client_kind
from imap.errors import BadCommand
from imap.notifications import listen, put_waiting
from imap.parsing.auth import Enable, Id
from imap.parsing.commands import Capability, Check, Idle, Logout, Noop, StartTls
from imap.parsing.connection import Compress, Unauthenticate
from imap.responses import Completion, bye

if TYPE_CHECKING:
    from imap.session import Session

_ENABLED: Final = {
    "IMAP4REV2": "IMAP4rev2",
    "CONDSTORE": "CONDSTORE",
    "QRESYNC": "QRESYNC",
    "UTF8=ACCEPT": "UTF8=ACCEPT",
    "UIDONLY": "UIDONLY",
    "METADATA": "METADATA",
}


async def capability(session: Session, _tag: str, _command: Capability) -> Completion:
    """CAPABILITY (RFC 9051 6.1.1)."""
    session.put(f"* {session.capability_code()}\r\n".encode())
    return Completion("CAPABILITY completed")


async def noop(session: Session, _tag: str, command: Noop | Check) -> Completion:
    """NOOP and CHECK: everything that is committed by now is told (RFC 9051 6.1.2, RFC 3501 6.4.1)."""
    if session.view is not None:
        await session.view.mailbox.refresh()
    return Completion("{verb} completed", values={"verb": command.verb})


async def logout(session: Session, _tag: str, _command: Logout) -> Completion:
    """LOGOUT (RFC 9051 6.1.3)."""
    session.unselect()
    session.ended = True
    session.put(bye(session.say("Goodbye")))
    return Completion("LOGOUT completed")


async def identify(session: Session, _tag: str, command: Id) -> Completion:
    """ID (RFC 2971): Outlook needs the untagged answer."""
    told = " ".join(value or "" for name, value in command.fields or () if name.lower() in {"name", "vendor"}).lower()
    session.is_outlook = "outlook" in told or "microsoft" in told
    session.identify(client_kind(command.fields))
    session.put(b'* ID ("name" "mailgate")\r\n')
    return Completion("ID completed")


async def starttls(session: Session, tag: str, _command: StartTls) -> None:
    """STARTTLS: the completion goes out before TLS begins (RFC 9051 6.2.1)."""
    if session.connection.peer.tls or session.context.ssl_context is None:
        raise BadCommand("TLS is on already" if session.connection.peer.tls else "TLS is not offered here")
    session.answer(tag, "OK", "Begin TLS now")
    await session.flush()
    await session.connection.start_tls()


async def compress(session: Session, tag: str, _command: Compress) -> None:
    """COMPRESS: everything after the completion is compressed, both ways (RFC 4978 section 3)."""
    if not session.context.features.compress:
        raise BadCommand("Unknown command")
    if session.connection.compressed:
        raise BadCommand("DEFLATE is active already", code="COMPRESSIONACTIVE")
    session.answer(tag, "OK", "DEFLATE active")
    await session.flush()
    session.connection.start_compression()


async def unauthenticate(session: Session, tag: str, _command: Unauthenticate) -> None:
    """UNAUTHENTICATE: the completion is the last thing that is compressed (RFC 8437 sections 3 and 4.1)."""
    if not session.context.features.unauthenticate:
        raise BadCommand("Unknown command")
    session.sign_out()
    session.answer(tag, "OK", "Signed out")
    await session.flush()
    session.connection.stop_compression()


async def enable(session: Session, _tag: str, command: Enable) -> Completion:
    """ENABLE (RFC 5161, RFC 9051 6.3.1): unknown names are ignored."""
    known = [name for name in dict.fromkeys(command.capabilities) if name in _ENABLED]
    session.enabled |= frozenset(known)
    session.put("".join(("* ENABLED", *(f" {_ENABLED[name]}" for name in known), "\r\n")).encode())
    if "METADATA" in known:
        (await listen(session)).all_annotations = True
    if "CONDSTORE" in known or "QRESYNC" in known:
        session.enable_condstore()
    return Completion("ENABLE completed")


async def idle(session: Session, tag: str, _command: Idle) -> None:
    """IDLE, also with nothing selected (RFC 9051 6.3.13); `Session.end_idle` completes it."""
    session.put(b"+ idling\r\n")
    if session.view is not None:
        await session.tell(session.view, expunge=True)
    await put_waiting(session)
    await session.flush()
    session.begin_idle(tag)
