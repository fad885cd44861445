"""Worker processes: a small supervisor forks them, restarts those that die, and passes signals on.

Each worker binds the same ports with SO_REUSEPORT. A worker holds the read end of a pipe whose write end only the
supervisor has: when the supervisor is gone, however it died, the pipe ends and the worker stops by itself.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import structlog

log = structlog.stdlib.get_logger("mailgate.workers")

RESTART_DELAY = 1.0
READY = b"r"


class WorkerFailedError(Exception):
    """A worker ended before it was ready."""


@dataclass(frozen=True, slots=True)
class Lifeline:
    """What a worker has from its supervisor: when `read_fd` ends, stop; write `READY` to `ready_fd` once serving."""

    read_fd: int
    ready_fd: int


def supervise(count: int, work: Callable[[Lifeline], None], on_ready: Callable[[], None]) -> int:
    """Run `work` in `count` forked processes until SIGTERM or SIGINT; SIGHUP is passed on. Give the exit code.

    Call it before any thread or event loop is started. `on_ready` runs once, when all workers serve.

    Raises:
        WorkerFailedError: a worker could not start the first time.
    """
    handled = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, handled)
    life_read, life_write = os.pipe()
    children: set[int] = set()
    try:
        for _ in range(count):
            child, ready = _fork(work, life_read, life_write, handled)
            children.add(child)
            _wait_ready(ready)
        on_ready()
        _watch(children, lambda: _fork(work, life_read, life_write, handled), handled)
    finally:
        os.close(life_write)
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
        for child in children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)
        os.close(life_read)
    return 0


def _watch(children: set[int], fork: Callable[[], tuple[int, int]], handled: set[signal.Signals]) -> None:
    while True:
        received = signal.sigwait(handled)
        if received in (signal.SIGTERM, signal.SIGINT):
            return
        if received == signal.SIGHUP:
            for child in children:
                os.kill(child, signal.SIGHUP)
            continue
        for dead in _reap(children):
            children.discard(dead)
            log.error("worker died", pid=dead)
            time.sleep(RESTART_DELAY)
            child, ready = fork()
            os.close(ready)
            children.add(child)


def _reap(children: set[int]) -> list[int]:
    """The children that ended; SIGCHLD may stand for several."""
    return [child for child in children if os.waitpid(child, os.WNOHANG)[0]]


def _fork(
    work: Callable[[Lifeline], None], life_read: int, life_write: int, handled: set[signal.Signals]
) -> tuple[int, int]:
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
        signal.pthread_sigmask(signal.SIG_UNBLOCK, handled)
        work(Lifeline(life_read, ready_write))
        code = 0
    except BaseException:  # the child must never run the parent code
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait_ready(ready: int) -> None:
    try:
        select.select([ready], [], [])
        if os.read(ready, 1) != READY:
            raise WorkerFailedError("a worker process ended while it was starting; its error stands above")
    finally:
        os.close(ready)
