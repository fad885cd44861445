"""NOTIFY (RFC 5465)."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import ClassVar, Final

from imap.errors import BadCommand, CommandRefused
from imap.parsing.commands import Command
from imap.parsing.fetch import fetch_items
from imap.parsing.fetch_items import FetchItem
from imap.parsing.lexer import ATOM, Cursor
from imap.parsing.limits import MAX_EVENT_GROUPS, MAX_OPTIONS
from imap.parsing.mailbox_filter import MailboxFilter, Scope, mailbox_filter


class Event(enum.Flag):
    """What can be notified (RFC 5465 section 5); message annotations do not exist here."""

    NONE = 0
    MESSAGE_NEW = enum.auto()
    MESSAGE_EXPUNGE = enum.auto()
    FLAG_CHANGE = enum.auto()
    MAILBOX_NAME = enum.auto()
    SUBSCRIPTION_CHANGE = enum.auto()
    MAILBOX_METADATA_CHANGE = enum.auto()
    SERVER_METADATA_CHANGE = enum.auto()
    MESSAGES = MESSAGE_NEW | MESSAGE_EXPUNGE | FLAG_CHANGE


@dataclass(frozen=True, slots=True)
class EventGroup:
    """Events of some mailboxes."""

    mailboxes: MailboxFilter
    events: Event
    items: tuple[FetchItem, ...] = ()
    """What to tell at once of new messages in the selected mailbox."""


@dataclass(frozen=True, slots=True)
class Notify(Command):
    """NOTIFY SET (RFC 5465 3.1); NOTIFY NONE when ``groups`` is None."""

    verb: ClassVar[str] = "NOTIFY"
    groups: tuple[EventGroup, ...] | None
    status: bool = False


_EVENTS: Final = {
    "MessageNew": Event.MESSAGE_NEW,
    "MessageExpunge": Event.MESSAGE_EXPUNGE,
    "FlagChange": Event.FLAG_CHANGE,
    "MailboxName": Event.MAILBOX_NAME,
    "SubscriptionChange": Event.SUBSCRIPTION_CHANGE,
    "MailboxMetadataChange": Event.MAILBOX_METADATA_CHANGE,
    "ServerMetadataChange": Event.SERVER_METADATA_CHANGE,
}
_BY_NAME: Final = {name.upper().encode(): event for name, event in _EVENTS.items()}
_BAD_EVENT: Final = f"BADEVENT ({' '.join(_EVENTS)})"
_SELECTED: Final = {Scope.SELECTED, Scope.SELECTED_DELAYED}
_SCOPES: Final = {*_SELECTED, Scope.INBOXES, Scope.PERSONAL, Scope.SUBSCRIBED, Scope.SUBTREE, Scope.MAILBOXES}
_NEW_AND_EXPUNGE: Final = Event.MESSAGE_NEW | Event.MESSAGE_EXPUNGE


# notify = "NOTIFY" SP (notify-set / notify-none)
# notify-set = "SET" [status-indicator] SP event-groups
# notify-none = "NONE"
# status-indicator = SP "STATUS"
def notify(cursor: Cursor) -> Notify:
    cursor.space()
    match cursor.word(ATOM, "SET or NONE"):
        case b"NONE":
            return Notify(None)
        case b"SET":
            cursor.space()
        case _:
            raise BadCommand("NOTIFY takes SET or NONE")
    status = cursor.ahead() != b"("
    if status:
        if cursor.word(ATOM, "STATUS or an event group") != b"STATUS":
            raise BadCommand("Expected STATUS or an event group")
        cursor.space()
    # event-groups = event-group *(SP event-group)
    groups = [_group(cursor)]
    while cursor.skip(b" "):
        if len(groups) == MAX_EVENT_GROUPS:
            raise CommandRefused("{most} event groups at most", most=MAX_EVENT_GROUPS, code="NOTIFICATIONOVERFLOW")
        groups.append(_group(cursor))
    if sum(group.mailboxes.scope in _SELECTED for group in groups) > 1:
        raise BadCommand("SELECTED or SELECTED-DELAYED stands there twice")
    return Notify(tuple(groups), status)


# event-group = "(" filter-mailboxes SP events ")"
# events = ("(" event *(SP event) ")") / "NONE"
def _group(cursor: Cursor) -> EventGroup:
    cursor.expect(b"(")
    mailboxes = mailbox_filter(cursor, _SCOPES)
    cursor.space()
    found: list[tuple[Event, tuple[FetchItem, ...]]] = []
    if cursor.skip(b"("):
        found = cursor.items(_event, limit=MAX_OPTIONS, what="events")
    elif cursor.word(ATOM, "events or NONE") != b"NONE":
        raise BadCommand("Expected events in parentheses, or NONE")
    cursor.expect(b")")
    group = EventGroup(mailboxes, Event.NONE, tuple(dict.fromkeys(item for _, items in found for item in items)))
    for event, _ in found:
        group = EventGroup(mailboxes, group.events | event, group.items)
    _check(group)
    return group


def _check(group: EventGroup) -> None:
    """RFC 5465 sections 5, 6.1 and 8. Raises BadCommand."""
    both = group.events & _NEW_AND_EXPUNGE
    if both and both != _NEW_AND_EXPUNGE:
        raise BadCommand("MessageNew and MessageExpunge go together")
    if Event.FLAG_CHANGE in group.events and not both:
        raise BadCommand("FlagChange needs MessageNew and MessageExpunge beside it")
    if group.mailboxes.scope in _SELECTED:
        if group.events & ~Event.MESSAGES:
            raise BadCommand("The selected mailbox has message events only")
    elif group.items:
        raise BadCommand("Only of the selected mailbox new messages can be fetched at once")


# event = message-event / mailbox-event / user-event / event-ext
# message-event = ("MessageNew" [SP "(" fetch-att *(SP fetch-att) ")"]) / "MessageExpunge" / "FlagChange" /
#                 "AnnotationChange"
# mailbox-event = "MailboxName" / "SubscriptionChange" / "MailboxMetadataChange"
# user-event = "ServerMetadataChange"
def _event(cursor: Cursor) -> tuple[Event, tuple[FetchItem, ...]]:
    event = _BY_NAME.get(cursor.word(ATOM, "an event"))
    if event is None:
        raise CommandRefused("An event that is not known here", code=_BAD_EVENT)
    items: tuple[FetchItem, ...] = ()
    if event is Event.MESSAGE_NEW and cursor.text.startswith(b" (", cursor.pos):
        cursor.space()
        items = fetch_items(cursor)
    return event, items
