"""RETURN: what the searching commands answer with (RFC 4731 3.1, RFC 5182, RFC 5267, RFC 9394)."""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

from imap.errors import BadCommand
from imap.parsing.fetch import fetch_items
from imap.parsing.fetch_items import FetchItem
from imap.parsing.lexer import ATOM, Cursor
from imap.parsing.limits import MAX_OPTIONS
from imap.parsing.partial import PartialRange, partial_range


class SearchReturn(enum.Enum):
    """SEARCH and SORT return options (RFC 4731 3.1, RFC 5182, RFC 5267, RFC 9394, RFC 6203 4)."""

    MIN = "MIN"
    MAX = "MAX"
    ALL = "ALL"
    COUNT = "COUNT"
    SAVE = "SAVE"
    PARTIAL = "PARTIAL"
    RELEVANCY = "RELEVANCY"
    CONTEXT = "CONTEXT"
    UPDATE = "UPDATE"


_OPTIONS: Final = {option.value.encode(): option for option in SearchReturn}


class Returns(NamedTuple):
    """The options, and the range of PARTIAL when it is among them."""

    options: frozenset[SearchReturn]
    partial: PartialRange | None = None
    items: tuple[FetchItem, ...] = ()
    """What UPDATE tells at once of new messages (RFC 5465 section 7)."""


class _Option(NamedTuple):
    option: SearchReturn
    partial: PartialRange | None = None
    items: tuple[FetchItem, ...] = ()


# search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"
def return_options(cursor: Cursor) -> Returns | None:
    """The options and the space after them; None when RETURN is not next."""
    if not skip_word(cursor, b"RETURN "):
        return None
    cursor.expect(b"(")
    found = [] if cursor.skip(b")") else cursor.items(_return_option, limit=MAX_OPTIONS, what="options")
    cursor.space()
    options = frozenset(one.option for one in found)
    ranges = [one.partial for one in found if one.partial is not None]
    items = tuple(dict.fromkeys(item for one in found for item in one.items))
    # RFC 5267 section 4.4
    if len(ranges) > 1 or (ranges and SearchReturn.ALL in options):
        raise BadCommand("Only one of PARTIAL and ALL can be returned")
    # RFC 4731 section 3.1: an empty list stands for ALL
    return Returns(options or frozenset({SearchReturn.ALL}), ranges[0] if ranges else None, items)


# search-return-opt = "MIN" / "MAX" / "ALL" / "COUNT" / "SAVE" / "RELEVANCY" /
#                     modifier-partial / "CONTEXT" / "UPDATE"
# modifier-partial = "PARTIAL" SP partial-range
# modifier-update = "UPDATE" ["(" fetch-att *(SP fetch-att) ")"] ; RFC 5465, whose example has a space there
def _return_option(cursor: Cursor) -> _Option:
    if (option := _OPTIONS.get(cursor.word(ATOM, "a return option"))) is None:
        raise BadCommand("Unknown return option")
    if option is SearchReturn.PARTIAL:
        cursor.space()
        return _Option(option, partial_range(cursor))
    if option is SearchReturn.UPDATE and (cursor.ahead() == b"(" or cursor.text.startswith(b" (", cursor.pos)):
        cursor.skip(b" ")
        return _Option(option, items=fetch_items(cursor))
    return _Option(option)


def skip_word(cursor: Cursor, word: bytes) -> bool:
    """Step over a word in any case and the space after it, when they are next."""
    if cursor.text[cursor.pos : cursor.pos + len(word)].upper() != word:
        return False
    cursor.pos += len(word)
    return True
