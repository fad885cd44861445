"""Rules that several command families share: mailbox names, sequence sets, flags, dates."""

from __future__ import annotations

import calendar
import datetime
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from imap.backend import HIERARCHY_DELIMITER
from imap.errors import BadCommand
from imap.flags import SYSTEM_FLAGS
from imap.parsing import utf7
from imap.parsing.lexer import LIST_ATOM, Cursor
from imap.parsing.limits import MAX_FLAG_LENGTH, MAX_FLAGS, MAX_MAILBOX_NAME, MAX_RANGES
from imap.parsing.sequence import STAR, SequenceSet


@dataclass(frozen=True, slots=True)
class FlagList:
    """Flags to set: system flags as a mask of `imap.flags`, keywords by name, none twice."""

    mask: int = 0
    keywords: tuple[str, ...] = ()


# RFC 6855 section 3: C0, DEL, C1, LINE SEPARATOR, PARAGRAPH SEPARATOR
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SYSTEM_FLAGS: Final = {name.upper(): mask for name, mask in SYSTEM_FLAGS.items()}
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS: Final = {name.upper().encode(): number for number, name in enumerate(_MONTHS, 1)}
_MONTH: Final = rb"(" + "|".join(_MONTHS).encode() + rb")"
_PLAIN_RANGE: Final = re.compile(rb"([1-9][0-9]{0,8})(?::([1-9][0-9]{0,8}))?(?= |\Z)")
_DATE: Final = re.compile(rb'("?)([0-9]{1,2})-' + _MONTH + rb"-([0-9]{4})\1", re.IGNORECASE)
_DATE_TIME: Final = re.compile(
    rb'"( [0-9]|[0-9]{2})-' + _MONTH + rb"-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})\"",
    re.IGNORECASE,
)
_HOURS, _MINUTES, _SECONDS = 24, 60, 61


# mailbox = "INBOX" / astring
def mailbox(cursor: Cursor) -> str:
    """A mailbox name in NFC, INBOX in capitals, from modified UTF-7 or UTF-8 as the session stands."""
    return mailbox_name(cursor, cursor.astring("a mailbox name"))


# list-mailbox = 1*list-char / string
def list_mailbox(cursor: Cursor) -> str:
    """A mailbox name with wildcards."""
    found = cursor.match(LIST_ATOM)
    return mailbox_name(cursor, cursor.string("a mailbox pattern") if found is None else found)


def given_mailbox(cursor: Cursor) -> tuple[str, str | None]:
    """A mailbox name, and as it was written where that differs: responses tell OLDNAME (RFC 9051 6.3.9.7)."""
    given = _decoded_name(cursor, cursor.astring("a mailbox name"))
    name = _canonical(given)
    return name, None if given == name else given


def mailbox_name(cursor: Cursor, encoded: bytes) -> str:
    """A name from its octets on the wire. Raises BadCommand when they break the rules of RFC 6855 or RFC 3501 5.1.3."""
    return _canonical(_decoded_name(cursor, encoded))


def _canonical(name: str) -> str:
    return canonical_inbox(unicodedata.normalize("NFC", name))


def _decoded_name(cursor: Cursor, encoded: bytes) -> str:
    if len(encoded) > MAX_MAILBOX_NAME:
        raise BadCommand("A mailbox name has {most} octets at most", most=MAX_MAILBOX_NAME)
    if cursor.utf8:
        name = cursor.decode(encoded, "a mailbox name")
    else:
        try:
            name = utf7.decode(encoded)
        except ValueError as error:
            raise BadCommand("Expected a mailbox name in modified UTF-7") from error
    if CONTROL.search(name):
        raise BadCommand("A mailbox name holds no control characters")
    return name


def canonical_inbox(name: str) -> str:
    """INBOX in capitals, also where it is the parent."""
    head, delimiter, rest = name.partition(HIERARCHY_DELIMITER)
    return f"INBOX{delimiter}{rest}" if head.upper() == "INBOX" else name


# sequence-set = (seq-number / seq-range) ["," sequence-set]
# sequence-set =/ seq-last-command
def sequence_set(cursor: Cursor) -> SequenceSet:
    if plain := _PLAIN_RANGE.match(cursor.text, cursor.pos):  # most commands: one message, or one range
        cursor.pos = plain.end()
        first, last = plain.groups()
        return SequenceSet(((int(first), int(last or first)),))
    ranges: list[tuple[int, int]] = []
    saved = False
    while True:
        if cursor.skip(b"$"):
            saved = True
        else:
            ranges.append(_sequence_range(cursor))
        if not cursor.skip(b","):
            return SequenceSet(tuple(ranges), saved)
        if len(ranges) == MAX_RANGES:
            raise BadCommand("More than {most} ranges in a sequence set", most=MAX_RANGES)


# seq-range = seq-number ":" seq-number
def _sequence_range(cursor: Cursor) -> tuple[int, int]:
    first = sequence_number(cursor)
    return (first, sequence_number(cursor) if cursor.skip(b":") else first)


# seq-number = nz-number / "*"
def sequence_number(cursor: Cursor) -> int:
    """A message number or a UID, `STAR` for the last one."""
    if cursor.skip(b"*"):
        return STAR
    return cursor.nz_number("a message number above zero")


def explicit_set(cursor: Cursor) -> SequenceSet:
    """A sequence set without ``*`` and ``$`` (RFC 7162 section 7, "known-uids")."""
    found = sequence_set(cursor)
    if found.saved or any(STAR in bounds for bounds in found.ranges):
        raise BadCommand('"*" and "$" are not allowed in a known set')
    return found


# flag-list = "(" [flag *(SP flag)] ")"
def flag_list(cursor: Cursor) -> FlagList:
    cursor.expect(b"(")
    if cursor.skip(b")"):
        return FlagList()
    return _merge(cursor.items(_flag, limit=MAX_FLAGS, what="flags"))


# flag *(SP flag)
def bare_flags(cursor: Cursor) -> FlagList:
    found = [_flag(cursor)]
    while cursor.skip(b" "):
        found.append(_flag(cursor))
        if len(found) > MAX_FLAGS:
            raise BadCommand("More than {most} flags", most=MAX_FLAGS)
    return _merge(found)


# flag = "\Answered" / "\Flagged" / "\Deleted" / "\Seen" / "\Draft" / flag-keyword
def _flag(cursor: Cursor) -> int | str:
    if not cursor.skip(b"\\"):
        return keyword(cursor)
    name = "\\" + cursor.atom("a system flag")
    if (mask := _SYSTEM_FLAGS.get(name.upper())) is None:
        raise BadCommand("{flag} is no flag that can be set", flag=name[:MAX_FLAG_LENGTH])
    return mask


# flag-keyword = "$MDNSent" / "$Forwarded" / "$Junk" / "$NotJunk" / "$Phishing" / atom
def keyword(cursor: Cursor) -> str:
    name = cursor.atom("a flag")
    if len(name) > MAX_FLAG_LENGTH:
        raise BadCommand("A keyword has {most} characters at most", most=MAX_FLAG_LENGTH)
    return name


def _merge(flags: list[int | str]) -> FlagList:
    mask = 0
    keywords: dict[str, str] = {}
    for flag in flags:
        if isinstance(flag, int):
            mask |= flag
        else:
            keywords.setdefault(flag.upper(), flag)
    return FlagList(mask, tuple(keywords.values()))


# date = date-text / DQUOTE date-text DQUOTE
# date-text = date-day "-" date-month "-" date-year
def date(cursor: Cursor) -> datetime.date:
    if (found := _DATE.match(cursor.text, cursor.pos)) is None:
        raise cursor.expected('a date such as "1-Feb-2026"')
    _, day, month, year = found.groups()
    try:
        value = datetime.date(int(year), _MONTH_NUMBERS[month.upper()], int(day))
    except ValueError as error:
        raise cursor.expected("a date of the calendar") from error
    cursor.pos = found.end()
    return value


# date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
def date_time(cursor: Cursor) -> int:
    """Seconds since the epoch; a leap second counts as the second after it."""
    if (found := _DATE_TIME.match(cursor.text, cursor.pos)) is None:
        raise cursor.expected('a date and time such as " 1-Feb-2026 08:30:00 +0100"')
    day, month, year, hour, minute, second, sign, *zone = found.groups()
    zone_hour, zone_minute = (int(digits) for digits in zone)
    try:
        value = datetime.date(int(year), _MONTH_NUMBERS[month.upper()], int(day))
    except ValueError as error:
        raise cursor.expected("a date of the calendar") from error
    in_range = int(hour) < _HOURS and int(minute) < _MINUTES and int(second) < _SECONDS
    if not in_range or zone_hour >= _HOURS or zone_minute >= _MINUTES:
        raise cursor.expected("a time of the day and a zone")
    cursor.pos = found.end()
    local = calendar.timegm((*value.timetuple()[:3], int(hour), int(minute), int(second)))
    east = (zone_hour * 60 + zone_minute) * 60
    return local + east if sign == b"-" else local - east
