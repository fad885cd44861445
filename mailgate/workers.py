"""Worker processes: a small supervisor forks them, replaces those that die, and passes signals on.

Each worker that serves binds the same ports with SO_REUSEPORT. A worker holds the read end of a pipe whose write end
only the supervisor has: when the supervisor is gone, however it died, the pipe ends and the worker stops by itself.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

log = structlog.stdlib.get_logger("mailgate.workers")

RESTART_DELAY: Final = 1.0
"""Seconds before a dead worker is replaced, so that one that cannot start does not take the whole machine."""

_HANDLED: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD})
_READY: Final = b"r"


class WorkerFailedError(Exception):
    """A worker ended before it was ready."""


@dataclass(frozen=True, slots=True)
class Lifeline:
    """What a worker has from its supervisor: stop when `read_fd` ends, and call `tell_ready` once serving."""

    read_fd: int
    _ready_fd: int

    def tell_ready(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # for a replacement nobody waits
            os.write(self._ready_fd, _READY)
        os.close(self._ready_fd)


Work = Callable[[Lifeline], None]


def supervise(works: Sequence[Work], on_ready: Callable[[], None]) -> int:
    """Do each work in a forked process of its own until SIGTERM or SIGINT; SIGHUP is passed on. Give the exit code.

    Call it before any thread or event loop is started. `on_ready` runs once, when all workers are ready.

    Raises:
        WorkerFailedError: a worker could not start the first time.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
    # A collection in a worker would write to every object from before the fork, and so copy all their pages.
    gc.collect()
    gc.freeze()
    life_read, life_write = os.pipe()
    children: dict[int, Work] = {}
    try:
        for work in works:
            child, ready = _fork(work, life_read, life_write)
            children[child] = work
            _wait_ready(ready)
        on_ready()
        while (received := signal.sigwait(_HANDLED)) not in {signal.SIGTERM, signal.SIGINT}:
            if received == signal.SIGHUP:
                _signal(children, signal.SIGHUP)
            else:
                _replace_dead(children, lambda work: _fork(work, life_read, life_write))
    finally:
        os.close(life_write)
        _signal(children, signal.SIGTERM)
        for child in children:
            os.waitpid(child, 0)
        os.close(life_read)
    return 0


def _signal(children: Iterable[int], signum: signal.Signals) -> None:
    for child in children:
        os.kill(child, signum)  # one that died is still there until it is waited for


def _replace_dead(children: dict[int, Work], fork: Callable[[Work], tuple[int, int]]) -> None:
    # One SIGCHLD may stand for several.
    for dead in [child for child in children if os.waitpid(child, os.WNOHANG)[0]]:
        work = children.pop(dead)
        log.error("worker died", pid=dead)
        time.sleep(RESTART_DELAY)
        child, ready = fork(work)
        os.close(ready)
        children[child] = work


def _fork(work: Work, life_read: int, life_write: int) -> tuple[int, int]:
    """Start a worker: its number, and a pipe that gives `_READY` when it serves, or ends."""
    ready_read, ready_write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        os.close(ready_write)
        return child, ready_read
    code = 1
    try:
        os.close(life_write)
        os.close(ready_read)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        work(Lifeline(life_read, ready_write))
        code = 0
    except BaseException:  # the child must never run the parent's code
        log.exception("worker failed")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait_ready(ready: int) -> None:
    try:
        select.select([ready], [], [])
        if os.read(ready, 1) != _READY:
            raise WorkerFailedError("a worker process ended while it was starting; its error stands above")
    finally:
        os.close(ready)
