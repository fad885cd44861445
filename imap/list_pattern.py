"""LIST patterns: ``*`` is any text, ``%`` any text within one level (RFC 9051 section 6.3.9).

A pattern is matched by following all its positions side by side, as the bits of one integer, along the name. Nothing is
tried twice: the time is the name's length times the pattern's, whatever the wildcards.
"""

from __future__ import annotations

import re
from typing import Final

from imap.backend import HIERARCHY_DELIMITER

INBOX: Final = "INBOX"
_WILDCARDS: Final = re.compile(r"[*%]{2,}")


class ListPattern:
    """One pattern behind its reference, to be matched with many names.

    The reference is put before the pattern as it is, with its wildcards: RFC 9051 6.3.9 leaves that to the server.
    """

    __slots__ = ("_end", "_folded", "_letters", "_stars", "_wildcards", "stops_at_level")

    def __init__(self, reference: str, pattern: str) -> None:
        text = _WILDCARDS.sub(lambda run: "*" if "*" in run.group() else "%", reference + pattern)
        self.stops_at_level = text.endswith("%")
        """Whether levels that are no mailboxes are shown too (RFC 9051 section 6.3.9)."""
        self._letters: dict[str, int] = {}
        """For each letter its places in the pattern: bit n for the place n."""
        self._folded: dict[str, int] = {}
        """The same in capitals, for INBOX."""
        self._stars = 0
        self._wildcards = 0
        """Places of ``*`` and ``%``."""
        self._end = len(text)
        for place, letter in enumerate(text):
            bit = 1 << place
            if letter in "*%":
                self._wildcards |= bit
                self._stars |= bit if letter == "*" else 0
            else:
                self._letters[letter] = self._letters.get(letter, 0) | bit
                capital = letter.upper() if letter.isascii() else letter
                self._folded[capital] = self._folded.get(capital, 0) | bit

    def matches(self, name: str) -> bool:
        """Whether the whole name fits; INBOX does in any case, also as a parent."""
        if self._stars == self._end == 1:
            return True
        inbox = name == INBOX or name.startswith(INBOX + HIERARCHY_DELIMITER)
        # bit n: the name up to here fits the first n places
        reached = 1 | (self._wildcards & 1) << 1
        for index, letter in enumerate(name):
            places = (self._folded if inbox and index < len(INBOX) else self._letters).get(letter, 0)
            stays = self._stars if letter == HIERARCHY_DELIMITER else self._wildcards
            reached = (reached & places) << 1 | reached & stays
            reached |= (reached & self._wildcards) << 1
            if not reached:
                return False
        return bool(reached >> self._end & 1)
