"""How far a long command is: the response code INPROGRESS (RFC 9585)."""

from __future__ import annotations

import time


class Progress:
    """When the command that runs has something to tell, and the code that tells it."""

    __slots__ = ("_due", "_tag", "interval")

    def __init__(self, interval: float) -> None:
        self.interval = interval
        """Seconds before the first line, and between two."""
        self._due = 0.0
        self._tag = "*"

    def begin(self, tag: str) -> None:
        """A command begins."""
        self._tag = tag
        self._due = time.monotonic() + self.interval

    def is_due(self) -> bool:
        """Whether to tell now; if so, not again for a while."""
        now = time.monotonic()
        if now < self._due:
            return False
        self._due = now + self.interval
        return True

    def code(self, done: int, total: int) -> str:
        """``INPROGRESS ("tag" done total)``; a total of 0 says that nothing is counted (RFC 9585 section 4)."""
        # resp-text-code ends at the first bracket, and a tag may hold one
        tag = "NIL" if "]" in self._tag else f'"{self._tag}"'
        state = f"{done} {total}" if total else "NIL NIL"
        return f"INPROGRESS ({tag} {state})"
