"""What a session that enabled UIDONLY may not say: message numbers, anywhere (RFC 9586 section 3)."""

from __future__ import annotations

from imap.errors import BadCommand
from imap.parsing import search_keys as keys
from imap.parsing.commands import Command
from imap.parsing.search_keys import SearchKey
from imap.parsing.select import Select


def require_uids(command: Command) -> None:
    """Raises BadCommand with UIDREQUIRED for a command by message number, and for numbers within one by UID."""
    key: SearchKey | None = getattr(command, "key", None)
    by_number = getattr(command, "uid", True) is False
    if by_number or (key is not None and names_numbers(key)) or _matches_numbers(command):
        raise BadCommand("Message numbers are not allowed once UIDONLY is enabled", code="UIDREQUIRED")


def names_numbers(key: SearchKey) -> bool:
    """Whether a set of message numbers stands anywhere in the key; ``$`` alone names none."""
    match key:
        case keys.NumberIn(numbers):
            return bool(numbers.ranges)
        case keys.And(children):
            return any(map(names_numbers, children))
        case keys.Or(left, right):
            return names_numbers(left) or names_numbers(right)
        case keys.Not(child) | keys.Fuzzy(child):
            return names_numbers(child)
        case _:
            return False


def _matches_numbers(command: Command) -> bool:
    """SELECT with QRESYNC may pair known numbers with UIDs (RFC 7162 section 3.2.5.2): not here."""
    return isinstance(command, Select) and command.qresync is not None and command.qresync.seq_match is not None
