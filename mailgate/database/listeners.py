"""The receivers of notifications within this process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

Receive: TypeAlias = Callable[[str | None], None]


class Listeners:
    """Calls every receiver with each payload, one payload in a turn of the event loop: what a message to thousands
    wakes runs in pieces, between which others are served. A receiver that fails does not keep the others from it.
    """

    def __init__(self) -> None:
        self._receivers: dict[object, Receive] = {}
        self._waiting: deque[str | None] = deque()
        self._turn_taken = False

    def __bool__(self) -> bool:
        return bool(self._receivers)

    def add(self, receive: Receive) -> Callable[[], None]:
        """Begin to call `receive`; the answer ends it."""
        key = object()
        self._receivers[key] = receive

        def remove() -> None:
            self._receivers.pop(key, None)

        return remove

    def publish(self, payload: str | None) -> None:
        """Call every receiver: at once, or in its turn."""
        self._waiting.append(payload)
        if not self._turn_taken:
            self._take_turn()

    def _take_turn(self) -> None:
        self._turn_taken = bool(self._waiting)
        if self._turn_taken:
            self._tell(self._waiting.popleft())
            asyncio.get_running_loop().call_soon(self._take_turn)  # after what the receivers have called for

    def _tell(self, payload: str | None) -> None:
        for receive in list(self._receivers.values()):
            try:
                receive(payload)
            except Exception as error:
                context = {"message": "a receiver of database notifications failed", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)
