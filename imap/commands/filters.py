"""FILTER: searches that are kept as annotations of the server, put in the place of their names (RFC 5466)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from imap.backend import SERVER, MailboxRef
from imap.errors import CommandRefused, ImapError, UndefinedFilter
from imap.parsing.esearch import Esearch
from imap.parsing.limits import MAX_NESTING, MAX_SEARCH_KEYS
from imap.parsing.return_options import SearchReturn
from imap.parsing.search import Search, criteria, filter_name
from imap.parsing.search_keys import And, Filter, Fuzzy, Not, Or, SearchKey, Unresolved
from imap.parsing.sort import Sort, Thread

if TYPE_CHECKING:
    from imap.session import Session

Searching: TypeAlias = Search | Sort | Thread | Esearch

_PRIVATE: Final = "/private/filters/values/"
_SHARED: Final = "/shared/filters/values/"
_MOST_PASSES: Final = 10
"""Filters within filters; RFC 5466 section 3.1 asks for 3."""


async def resolve(session: Session, command: Searching) -> Searching:
    """The command with all filters in their places. Raises UndefinedFilter, CommandRefused; ``$`` is then empty."""
    key = command.key
    if not isinstance(key, Unresolved):
        return command
    try:
        filters = await _read(session, key)
        resolved = _Substitution(filters).apply(key.key, 0, ())
    except CommandRefused:
        returns = None if isinstance(command, Thread) else command.returns
        if session.view is not None and returns is not None and SearchReturn.SAVE in returns:
            session.view.saved = ()
        raise
    return replace(command, key=resolved, modseq=command.modseq or any(modseq for _, modseq in filters.values()))


def check_filter(entry: str, value: bytes) -> None:
    """Raises CommandRefused for an entry of the server that keeps a filter and is none (RFC 5466 section 3.2)."""
    name = entry.removeprefix(_PRIVATE)
    if name == entry:
        return
    try:
        filter_name(name.encode())
        criteria(value)
    except ImapError as error:
        raise CommandRefused("This is no search") from error


async def _read(session: Session, key: SearchKey) -> dict[str, tuple[SearchKey, bool]]:
    """All filters that the key names, directly or through others, in one look for each level."""
    account = session.account
    where = MailboxRef(account.account_id, SERVER)
    filters: dict[str, tuple[SearchKey, bool]] = {}
    missing = _names(key)
    for _ in range(_MOST_PASSES):
        if not missing:
            break
        found = await account.annotation_values(
            [where], [scope + name for name in missing for scope in (_PRIVATE, _SHARED)]
        )
        new = {name: _parse(name, found.get(where, {})) for name in missing}
        filters |= new
        missing = {name for key, _ in new.values() for name in _names(key)} - filters.keys()
    if missing:
        raise UndefinedFilter(min(missing))
    return filters


def _parse(name: str, values: Mapping[str, bytes]) -> tuple[SearchKey, bool]:
    """A filter's keys, and whether MODSEQ is among them; the private one counts."""
    value = values.get(_PRIVATE + name, values.get(_SHARED + name))
    if value is None:
        raise UndefinedFilter(name)
    try:
        return criteria(value)
    except ImapError as error:
        raise UndefinedFilter(name) from error


def _names(key: SearchKey) -> set[str]:
    if isinstance(key, Filter):
        return {key.name}
    return {name for child in _children(key) for name in _names(child)}


def _children(key: SearchKey) -> Iterable[SearchKey]:
    match key:
        case And(keys):
            return keys
        case Or(left, right):
            return left, right
        case Not(inner) | Fuzzy(inner) | Unresolved(inner):
            return (inner,)
    return ()


class _Substitution:
    """Puts filters in place, within the limits of what a client may write itself."""

    def __init__(self, filters: Mapping[str, tuple[SearchKey, bool]]) -> None:
        self.filters = filters
        self.count = 0

    def apply(self, key: SearchKey, depth: int, within: tuple[str, ...]) -> SearchKey:
        """The key without filters; ``within`` are the names it stands in, none of which may come again."""
        self.count += 1
        if self.count > MAX_SEARCH_KEYS or depth > MAX_NESTING:
            raise CommandRefused("These filters make too large a search", code="LIMIT")
        match key:
            case Filter(name):
                if name in within:
                    raise UndefinedFilter(name)
                return self.apply(self.filters[name][0], depth, (*within, name))
            case Unresolved(inner):
                return self.apply(inner, depth, within)
            case And(keys):
                return And(tuple(self.apply(child, depth + 1, within) for child in keys))
            case Or(left, right):
                return Or(self.apply(left, depth + 1, within), self.apply(right, depth + 1, within))
            case Not(inner):
                return Not(self.apply(inner, depth + 1, within))
            case Fuzzy(inner):
                return Fuzzy(self.apply(inner, depth + 1, within))
        return key
