"""NOTIFY, GETMETADATA and SETMETADATA as values, and whatever comes in their place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.errors import BadCommand, CommandRefused
from imap.parsing import CommandInput, Literal, parse_command
from imap.parsing.commands import Command
from imap.parsing.fetch_items import FetchAttribute
from imap.parsing.mailbox_filter import MailboxFilter, Scope
from imap.parsing.metadata import UNBOUNDED, GetMetadata, SetMetadata
from imap.parsing.notify import Event, EventGroup, Notify

BOTH = Event.MESSAGE_NEW | Event.MESSAGE_EXPUNGE
WIRES: list[tuple[bytes, Command]] = [
    (b"notify none", Notify(None)),
    (b"NOTIFY SET (personal NONE)", Notify((EventGroup(MailboxFilter(Scope.PERSONAL), Event.NONE),))),
    (
        (
            b"Notify Set Status (selected-delayed (MessageNew (uid Flags) messageExpunge)) "
            b"(subtree Lists (messagenew MESSAGEEXPUNGE flagchange)) (mailboxes (INBOX &AOk-t&AOk-) (MailboxName))"
        ),
        Notify(
            (
                EventGroup(MailboxFilter(Scope.SELECTED_DELAYED), BOTH, (FetchAttribute.UID, FetchAttribute.FLAGS)),
                EventGroup(MailboxFilter(Scope.SUBTREE, frozenset({"Lists"})), Event.MESSAGES),
                EventGroup(MailboxFilter(Scope.MAILBOXES, frozenset({"INBOX", "été"})), Event.MAILBOX_NAME),
            ),
            status=True,
        ),
    ),
    (
        b"NOTIFY SET (inboxes (SubscriptionChange MailboxMetadataChange ServerMetadataChange)) (subscribed NONE)",
        Notify(
            (
                EventGroup(
                    MailboxFilter(Scope.INBOXES),
                    Event.SUBSCRIPTION_CHANGE | Event.MAILBOX_METADATA_CHANGE | Event.SERVER_METADATA_CHANGE,
                ),
                EventGroup(MailboxFilter(Scope.SUBSCRIBED), Event.NONE),
            )
        ),
    ),
    (b'GETMETADATA "" /shared/Admin', GetMetadata("", ("/shared/Admin",))),
    (
        b'GETMETADATA (MAXSIZE 10 depth Infinity) inbox (/private/a "/shared/b c")',
        GetMetadata("INBOX", ("/private/a", "/shared/b c"), UNBOUNDED, 10),
    ),
    (b"GETMETADATA a (DEPTH 1) /private", GetMetadata("a", ("/private",), 1)),
    (
        b'SETMETADATA a (/Private/X "v" /shared/y nil)',
        SetMetadata("a", (("/private/x", b"v"), ("/shared/y", None))),
    ),
]
TOKENS = [b"(", b")", b'""', b'"x"', b"NIL", b"INBOX", b"/private/x", b"/shared", b"1", b"*", b"(UID)", b"{"]
TOKENS += sorted({token for wire, _ in WIRES for token in wire.replace(b"(", b" ").replace(b")", b" ").split()})
LITERALS = st.builds(lambda data, binary: Literal(len(data), data, binary), st.binary(max_size=20), st.booleans())


@pytest.mark.parametrize(("wire", "command"), WIRES)
def test_values(wire: bytes, command: Command) -> None:
    assert parse_command(CommandInput([b"A " + wire])) == ("A", command)


@given(
    st.sampled_from([b"NOTIFY SET ", b"NOTIFY SET STATUS (", b"GETMETADATA ", b"SETMETADATA INBOX ("]),
    st.lists(st.lists(st.sampled_from(TOKENS)).map(b" ".join) | LITERALS, min_size=1, max_size=4),
    st.booleans(),
)
def test_any_words(verb: bytes, parts: list[bytes | Literal], utf8: bool) -> None:  # noqa: FBT001
    text = [b"A " + verb + parts[0], *parts[1:]] if isinstance(parts[0], bytes) else [b"A " + verb, *parts]
    try:
        _, command = parse_command(CommandInput(text), utf8=utf8)
    except (BadCommand, CommandRefused):
        return
    assert isinstance(command, Notify | GetMetadata | SetMetadata)


@given(
    st.sampled_from([wire for wire, _ in WIRES]),
    st.lists(st.tuples(st.integers(0, 150), st.integers(0, 3), st.binary(max_size=3)), max_size=4),
)
def test_changed_octets(wire: bytes, changes: list[tuple[int, int, bytes]]) -> None:
    for at, removed, added in changes:
        wire = wire[:at] + added + wire[at + removed :]
    try:
        parse_command(CommandInput([b"A " + wire]))
    except (BadCommand, CommandRefused):
        return
