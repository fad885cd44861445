"""From the answers of a server to what becomes of the entries: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from mailgate.queue.claim import Claim, Waiting
from mailgate.queue.schedule import Schedule
from mailgate.queue.settling import Result
from smtp.client.answers import Answer

_TOO_MANY: Final = 452


class State(StrEnum):
    """Of a recipient of a message that leaves."""

    WAITING = "waiting"
    HELD = "held"
    """An operator holds it."""
    SENT = "sent"
    FAILED = "failed"
    DELETED = "deleted"
    """By an operator, or with the message: nobody was told."""


OPEN: Final = frozenset({State.WAITING, State.HELD})


def result_of(to: Waiting, answer: Answer, schedule: Schedule, now: int, chance: float, *, others: bool) -> Result:
    """What becomes of one recipient; `others`: the same transaction was taken for others.

    A server that takes no more recipients at once is asked for the rest at once (RFC 5321 section 4.5.3.1.10).
    """
    state = State.SENT if answer.positive else State.FAILED if answer.permanent else State.WAITING
    at_once = state is State.WAITING and answer.code == _TOO_MANY and others
    pause = 0 if at_once else schedule.pause(to.attempts + 1, chance)
    return Result(
        number=to.number,
        state=state.value,
        due_at=now + pause if state is State.WAITING else 0,
        attempts=0 if at_once else 1,
        doubts=int(answer.doubtful),
        code=answer.code,
        status=answer.status,
        answer=answer.text,
        remote=answer.remote,
        done_at=0 if state is State.WAITING else now,
    )


def results_of(
    claim: Claim, answers: Sequence[Answer], schedule: Schedule, now: int, chance: float
) -> list[Result]:  # fmt: skip
    """What becomes of all that were taken up."""
    others = any(answer.positive for answer in answers)
    return [
        result_of(to, answer, schedule, now, chance, others=others)
        for to, answer in zip(claim.recipients, answers, strict=True)
    ]
