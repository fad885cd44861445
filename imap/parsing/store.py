"""Commands that change or copy messages: STORE, COPY, MOVE, UID EXPUNGE."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final

from imap.backend import FlagAction
from imap.errors import BadCommand
from imap.parsing.commands import Command
from imap.parsing.lexer import ATOM, Cursor
from imap.parsing.literals import CommandInput
from imap.parsing.sequence import SequenceSet
from imap.parsing.values import FlagList, bare_flags, flag_list, mailbox, sequence_set


@dataclass(frozen=True, slots=True)
class Store(Command):
    """STORE and UID STORE (RFC 9051 6.4.6, RFC 7162 3.1.3)."""

    verb: ClassVar[str] = "STORE"
    uid: bool
    messages: SequenceSet
    action: FlagAction
    silent: bool
    flags: FlagList
    unchanged_since: int | None = None


@dataclass(frozen=True, slots=True)
class Copy(Command):
    """COPY and UID COPY (RFC 9051 6.4.7)."""

    verb: ClassVar[str] = "COPY"
    uid: bool
    messages: SequenceSet
    name: str


@dataclass(frozen=True, slots=True)
class Move(Command):
    """MOVE and UID MOVE (RFC 9051 6.4.8)."""

    verb: ClassVar[str] = "MOVE"
    uid: bool
    messages: SequenceSet
    name: str


@dataclass(frozen=True, slots=True)
class Expunge(Command):
    """EXPUNGE (RFC 9051 6.4.3), and UID EXPUNGE when ``uids`` is given (RFC 4315 2.1)."""

    verb: ClassVar[str] = "EXPUNGE"
    uids: SequenceSet | None = None


_FLAGS: Final = re.compile(rb"[+-]?FLAGS(?:\.SILENT)?(?= )", re.IGNORECASE)
_REPEATED: Final = 200
"""Octets of a change of flags that is remembered."""


# store = "STORE" SP sequence-set [store-modifiers] SP store-att-flags
# store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
def store(cursor: Cursor, *, uid: bool) -> Store:
    cursor.space()
    messages = sequence_set(cursor)
    cursor.space()
    rest = cursor.rest(_REPEATED)
    if rest is not None and (change := _change_alone(rest)) is not None:
        cursor.pos += len(rest)
        return Store(uid, messages, *change)
    unchanged_since = None
    if cursor.skip(b"("):
        unchanged_since = _modifiers(cursor)
        cursor.space()
    return Store(uid, messages, *_change(cursor), unchanged_since)


@lru_cache(maxsize=256)
def _change_alone(text: bytes) -> tuple[FlagAction, bool, FlagList] | None:
    """The change of flags that is all of the text, or None: a client asks for the same few again and again."""
    cursor = Cursor(CommandInput((text,)), utf8=False)
    try:
        change = _change(cursor)
        cursor.end()
    except BadCommand:
        return None
    return change


def _change(cursor: Cursor) -> tuple[FlagAction, bool, FlagList]:
    action, _, silent = cursor.word(_FLAGS, "FLAGS, +FLAGS or -FLAGS").decode().partition(".")
    cursor.space()
    flags = flag_list(cursor) if cursor.ahead() == b"(" else bare_flags(cursor)
    return FlagAction(action), bool(silent), flags


# store-modifiers = SP "(" store-modifier *(SP store-modifier) ")"
# store-modifier = "UNCHANGEDSINCE" SP mod-sequence-valzer ; only once
def _modifiers(cursor: Cursor) -> int:
    if cursor.word(ATOM, "UNCHANGEDSINCE") != b"UNCHANGEDSINCE":
        raise BadCommand("Unknown modifier of STORE")
    cursor.space()
    modseq = cursor.number64("a modification sequence")
    cursor.expect(b")")
    return modseq


# copy = "COPY" SP sequence-set SP mailbox
def copy(cursor: Cursor, *, uid: bool) -> Copy:
    cursor.space()
    messages = sequence_set(cursor)
    cursor.space()
    return Copy(uid, messages, mailbox(cursor))


# move = "MOVE" SP sequence-set SP mailbox
def move(cursor: Cursor, *, uid: bool) -> Move:
    cursor.space()
    messages = sequence_set(cursor)
    cursor.space()
    return Move(uid, messages, mailbox(cursor))


# uid-expunge = "EXPUNGE" SP sequence-set
def uid_expunge(cursor: Cursor) -> Expunge:
    cursor.space()
    return Expunge(sequence_set(cursor))
