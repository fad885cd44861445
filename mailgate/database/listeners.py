"""The receivers of notifications within this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

Receive: TypeAlias = Callable[[str | None], None]


class Listeners:
    """Calls every receiver with each payload; one that fails does not keep the others from it."""

    def __init__(self) -> None:
        self._receivers: dict[object, Receive] = {}

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
        """Call every receiver."""
        for receive in list(self._receivers.values()):
            try:
                receive(payload)
            except Exception as error:
                context = {"message": "a receiver of database notifications failed", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)
