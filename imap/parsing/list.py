"""LIST with the options of RFC 5258, RFC 5819, RFC 6154 and RFC 9590 (RFC 9051 section 6.3.9)."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple, TypeAlias

from imap.errors import BadCommand
from imap.parsing.commands import Command
from imap.parsing.lexer import ATOM, Cursor
from imap.parsing.limits import MAX_OPTIONS, MAX_PATTERNS
from imap.parsing.metadata import entries
from imap.parsing.status import StatusItem, status_items
from imap.parsing.values import list_mailbox, mailbox


class ListSelect(enum.Enum):
    """LIST selection options (RFC 5258 3, RFC 6154)."""

    SUBSCRIBED = "SUBSCRIBED"
    REMOTE = "REMOTE"
    RECURSIVEMATCH = "RECURSIVEMATCH"
    SPECIAL_USE = "SPECIAL-USE"


class ListReturn(enum.Enum):
    """LIST return options (RFC 5258 3, RFC 6154, RFC 8440); STATUS and METADATA stand in `List` by themselves."""

    SUBSCRIBED = "SUBSCRIBED"
    CHILDREN = "CHILDREN"
    SPECIAL_USE = "SPECIAL-USE"
    MYRIGHTS = "MYRIGHTS"


@dataclass(frozen=True, slots=True)
class List(Command):
    """LIST (RFC 9051 6.3.9, RFC 5258, RFC 5819)."""

    verb: ClassVar[str] = "LIST"
    reference: str
    patterns: tuple[str, ...]
    select: frozenset[ListSelect] = frozenset()
    returns: frozenset[ListReturn] = frozenset()
    status: tuple[StatusItem, ...] = ()
    metadata: tuple[str, ...] = ()
    """Annotations to show of each mailbox, as they were written (RFC 9590)."""
    extended: bool = False
    """True when options or a list of patterns were written: then an empty pattern has no special meaning."""


@dataclass(frozen=True, slots=True)
class Lsub(Command):
    """LSUB (RFC 3501 6.3.9)."""

    verb: ClassVar[str] = "LSUB"
    reference: str
    pattern: str


_SELECT_OPTIONS: Final = {option.value.encode(): option for option in ListSelect}
_RETURN_OPTIONS: Final = {option.value.encode(): option for option in ListReturn}


# list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]
def list_(cursor: Cursor) -> List:
    cursor.space()
    selects: frozenset[ListSelect] | None = None
    if cursor.skip(b"("):
        selects = _select_options(cursor)
        cursor.space()
    reference = mailbox(cursor)
    cursor.space()
    # mbox-or-pat = list-mailbox / patterns
    # patterns = "(" list-mailbox *(SP list-mailbox) ")"
    several = cursor.skip(b"(")
    patterns = cursor.items(list_mailbox, limit=MAX_PATTERNS, what="patterns") if several else [list_mailbox(cursor)]
    returns = _return_options(cursor) if cursor.skip(b" ") else None
    options = returns or []
    return List(
        reference,
        tuple(patterns),
        selects or frozenset(),
        frozenset(option for option in options if isinstance(option, ListReturn)),
        tuple(dict.fromkeys(item for option in options if isinstance(option, _Status) for item in option.items)),
        tuple(
            {
                name.lower(): name for option in options if isinstance(option, _Metadata) for name in option.entries
            }.values()
        ),
        several or selects is not None or returns is not None,
    )


# list-select-opts = "(" [(*(list-select-opt SP) list-select-base-opt *(SP list-select-opt))
#                    / (list-select-independent-opt *(SP list-select-independent-opt))] ")"
def _select_options(cursor: Cursor) -> frozenset[ListSelect]:
    if cursor.skip(b")"):
        return frozenset()
    options = frozenset(cursor.items(_select_option, limit=MAX_OPTIONS, what="options"))
    if ListSelect.RECURSIVEMATCH in options and ListSelect.SUBSCRIBED not in options:
        raise BadCommand("RECURSIVEMATCH needs SUBSCRIBED beside it")
    return options


# list-select-base-opt = "SUBSCRIBED" / option-extension
# list-select-independent-opt = "REMOTE" / "SPECIAL-USE" / option-extension
# list-select-mod-opt = "RECURSIVEMATCH" / option-extension
def _select_option(cursor: Cursor) -> ListSelect:
    if (option := _SELECT_OPTIONS.get(cursor.word(ATOM, "a selection option"))) is None:
        raise BadCommand("Unknown selection option of LIST")
    return option


class _Status(NamedTuple):
    items: tuple[StatusItem, ...]


class _Metadata(NamedTuple):
    entries: tuple[str, ...]


_ReturnOption: TypeAlias = ListReturn | _Status | _Metadata


# list-return-opts = "RETURN" SP "(" [return-option *(SP return-option)] ")"
def _return_options(cursor: Cursor) -> list[_ReturnOption]:
    if cursor.word(ATOM, "RETURN") != b"RETURN":
        raise BadCommand("Expected RETURN after the pattern of LIST")
    cursor.space()
    cursor.expect(b"(")
    return [] if cursor.skip(b")") else cursor.items(_return_option, limit=MAX_OPTIONS, what="options")


# return-option = "SUBSCRIBED" / "CHILDREN" / "SPECIAL-USE" / "MYRIGHTS" / status-option / option-extension
# return-option =/ "METADATA" SP entries ; RFC 9590
# status-option = "STATUS" SP "(" status-att *(SP status-att) ")"
def _return_option(cursor: Cursor) -> _ReturnOption:
    name = cursor.word(ATOM, "a return option")
    if name == b"STATUS":
        cursor.space()
        return _Status(status_items(cursor))
    if name == b"METADATA":
        cursor.space()
        return _Metadata(entries(cursor))
    if (option := _RETURN_OPTIONS.get(name)) is None:
        raise BadCommand("Unknown return option of LIST")
    return option


# lsub = "LSUB" SP mailbox SP list-mailbox
def lsub(cursor: Cursor) -> Lsub:
    cursor.space()
    reference = mailbox(cursor)
    cursor.space()
    return Lsub(reference, list_mailbox(cursor))
