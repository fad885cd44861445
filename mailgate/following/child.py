"""The process in which a change is taken in: neither the event loop nor the interpreter of who serves waits for it."""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from contextlib import suppress
from typing import Final

import msgspec

from directory.model import DirectoryError
from mailgate.config import Settings
from mailgate.database.errors import DatabaseUnavailable
from mailgate.following.states import live_sources

_NICENESS: Final = 10
"""Who serves comes first."""


class Outcome(msgspec.Struct):
    """What a child says at its end; `error` is empty when it did its work."""

    error: str = ""
    complete: bool = False
    why: str = ""
    changed: bool = False
    seconds: float = 0.0


async def in_child(settings: Settings, name: str) -> Outcome:
    """Look at a source in a process of its own, which ends when this is cancelled."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        said, _ = await child.communicate(pickle.dumps((settings, name)))
    except BaseException:
        child.kill()
        await child.wait()
        raise
    if child.returncode:
        return Outcome(f"the process that took the change in ended with {child.returncode}")
    return msgspec.json.decode(said, type=Outcome)


def main() -> None:
    """Do what the parent asks on standard input."""
    from mailgate.following.syncing import sync_source  # noqa: PLC0415 - ldap3, which the parent does without

    os.nice(_NICENESS)
    answer = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever else is written there
    settings: Settings
    settings, name = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
    live = next(one for one in live_sources(settings.directory) if one.source.name == name)
    try:
        done = asyncio.run(sync_source(settings, live))
    except (DirectoryError, DatabaseUnavailable) as error:
        said = Outcome(str(error))
    else:
        seconds = done.report.seconds if done.report else 0.0
        said = Outcome("", done.complete, done.why, done.changed, round(seconds, 2))
    with suppress(BrokenPipeError):  # the gateway was killed meanwhile
        os.write(answer, msgspec.json.encode(said))


if __name__ == "__main__":
    main()
