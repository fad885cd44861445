"""Marionette, Gecko's remote control: scripts that run inside Thunderbird's own windows."""

from __future__ import annotations

import itertools
import socket
from types import TracebackType
from typing import Self

import msgspec


class MarionetteError(Exception):
    """What Thunderbird said against a command."""


class _Error(msgspec.Struct):
    error: str
    message: str


class _Value(msgspec.Struct):
    value: object


class Marionette:
    """One session. A message on the wire is the length of a JSON text, a colon, and that text."""

    def __init__(self, port: int, timeout: float = 30.0) -> None:
        """Connect and begin a session in the windows of the program. Raises OSError when nobody listens."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._reader = self._socket.makefile("rb")
        self._numbers = itertools.count(1)
        self._read()
        self.command("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"unhandledPromptBehavior": "ignore"}}})
        self.command("Marionette:SetContext", {"value": "chrome"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._reader.close()
        self._socket.close()

    def command(self, name: str, parameters: dict[str, object]) -> object:
        """The result of a command. Raises MarionetteError."""
        text = msgspec.json.encode([0, next(self._numbers), name, parameters])
        self._socket.sendall(b"%d:%b" % (len(text), text))
        _, _, error, result = msgspec.json.decode(self._read(), type=tuple[int, int, _Error | None, object])
        if error is not None:
            raise MarionetteError(f"{error.error}: {error.message}")
        return result

    def run(self, script: str, *arguments: str) -> object:
        """What the body of a function returns; its arguments stand in `arguments`. Raises MarionetteError."""
        return self._execute("WebDriver:ExecuteScript", script, arguments)

    def wait(self, script: str, *arguments: str) -> object:
        """What a script gives to the callback that is the last of its `arguments`. Raises MarionetteError."""
        return self._execute("WebDriver:ExecuteAsyncScript", script, arguments)

    def _execute(self, command: str, script: str, arguments: tuple[str, ...]) -> object:
        result = self.command(command, {"script": script, "args": arguments, "sandbox": "system"})
        return msgspec.convert(result, _Value).value

    def _read(self) -> bytes:
        length = b""
        while not length.endswith(b":"):
            octet = self._reader.read(1)
            if not octet:
                raise MarionetteError("Thunderbird is gone")
            length += octet
        return self._reader.read(int(length[:-1]))
