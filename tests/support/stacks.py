"""A test that takes too long says where each task and thread waits; the teardown of one that fails has an end too."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import threading
import traceback
from collections.abc import Generator, Iterator
from types import AsyncGeneratorType, FrameType

import pytest
from pytest_timeout import Settings

TEARDOWN = 120.0
"""Seconds that the teardown of a test that failed may take: pytest-timeout stops its timer at a failure, so that one
may look at it with a debugger.
"""


def pytest_timeout_set_timer(item: pytest.Item, settings: Settings) -> bool | None:
    """In the place of pytest-timeout's own, whose report shows threads alone, and these only without xdist."""
    if settings.method != "signal" or threading.current_thread() is not threading.main_thread():
        return None
    _begin(settings.timeout)
    item.cancel_timeout = _cancel  # type: ignore[attr-defined]
    return True


@pytest.hookimpl(wrapper=True)
def pytest_exception_interact(
    node: pytest.Item | pytest.Collector, call: pytest.CallInfo[object]
) -> Generator[None, object, object]:
    """A teardown comes, and pytest-timeout has stopped the timer; it does so again when the test is over."""
    result = yield
    if getattr(node, "cancel_timeout", None) is _cancel and call.when != "teardown":
        _begin(TEARDOWN)
    return result


def _begin(seconds: float) -> None:
    def end(_number: int, _frame: FrameType | None) -> None:
        # The loop stands still, and nothing has been cancelled yet.
        pytest.fail(f"Timeout (>{seconds}s)\n{task_stacks()}\n{thread_stacks()}")

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _cancel() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def thread_stacks() -> str:
    """Where the other threads are."""
    frames = sys._current_frames()
    others = [one for one in threading.enumerate() if one is not threading.current_thread() and one.ident in frames]
    return "\n".join(f"{one.name}\n{''.join(traceback.format_stack(frames[one.ident or 0]))}" for one in others)


def task_stacks() -> str:
    """Where each task of this thread's loop waits, the innermost call last."""
    try:
        loop = asyncio.get_event_loop_policy().get_event_loop()
    except RuntimeError:
        return "There is no event loop."
    found = []
    for task in sorted(asyncio.all_tasks(loop), key=asyncio.Task.get_name):
        calls = traceback.StackSummary.extract((frame, frame.f_lineno) for frame in _frames(task.get_coro()))
        found.append(f"{task.get_name()}\n{''.join(calls.format())}")
    return "\n".join(found)


def _frames(awaited: object) -> Iterator[FrameType]:
    """`asyncio.Task.get_stack` gives the outermost one alone."""
    while awaited is not None:
        for frame, inner in (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom"), ("ag_frame", "ag_await")):
            if isinstance(found := getattr(awaited, frame, None), FrameType):
                yield found
                awaited = getattr(awaited, inner)
                break
        else:
            # One step of an asynchronous generator, such as a fixture, names it to nobody else.
            awaited = next((one for one in gc.get_referents(awaited) if isinstance(one, AsyncGeneratorType)), None)
