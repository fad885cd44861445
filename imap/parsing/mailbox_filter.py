"""Which mailboxes are meant: filter-mailboxes of NOTIFY (RFC 5465 section 6) and of ESEARCH (RFC 7377 section 2.2)."""

from __future__ import annotations

import enum
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from imap.errors import BadCommand
from imap.parsing.lexer import ATOM, Cursor
from imap.parsing.limits import MAX_FILTER_NAMES
from imap.parsing.values import mailbox


class Scope(enum.Enum):
    """The mailbox specifiers."""

    SELECTED = "SELECTED"
    SELECTED_DELAYED = "SELECTED-DELAYED"
    INBOXES = "INBOXES"
    PERSONAL = "PERSONAL"
    SUBSCRIBED = "SUBSCRIBED"
    SUBTREE = "SUBTREE"
    SUBTREE_ONE = "SUBTREE-ONE"
    MAILBOXES = "MAILBOXES"


@dataclass(frozen=True, slots=True)
class MailboxFilter:
    """A specifier, with the names after SUBTREE, SUBTREE-ONE and MAILBOXES."""

    scope: Scope
    names: frozenset[str] = frozenset()


_SCOPES: Final = {scope.value.encode(): scope for scope in Scope}
_NAMED: Final = {Scope.SUBTREE, Scope.SUBTREE_ONE, Scope.MAILBOXES}


# filter-mailboxes = filter-mailboxes-selected / filter-mailboxes-other
# filter-mailboxes-selected = "selected" / "selected-delayed"
# filter-mailboxes-other = "inboxes" / "personal" / "subscribed" / ("subtree" SP one-or-more-mailbox) /
#                          ("mailboxes" SP one-or-more-mailbox)
# filter-mailboxes-other =/ ("subtree-one" SP one-or-more-mailbox)
def mailbox_filter(cursor: Cursor, allowed: Collection[Scope]) -> MailboxFilter:
    """One of the specifiers that the command takes."""
    scope = _SCOPES.get(cursor.word(ATOM, "which mailboxes"))
    if scope is None or scope not in allowed:
        raise BadCommand("Unknown kind of mailboxes")
    if scope not in _NAMED:
        return MailboxFilter(scope)
    cursor.space()
    # one-or-more-mailbox = mailbox / many-mailboxes
    # many-mailboxes = "(" mailbox *(SP mailbox) ")"
    if cursor.skip(b"("):
        return MailboxFilter(scope, frozenset(cursor.items(mailbox, limit=MAX_FILTER_NAMES, what="mailboxes")))
    return MailboxFilter(scope, frozenset({mailbox(cursor)}))
