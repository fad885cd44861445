"""The gateway looks every minute whether a turn of the school year is due, and has a process of its own make it."""

from __future__ import annotations

import asyncio
import datetime
import multiprocessing
from typing import Final

from sqlalchemy import BigInteger, Text, bindparam, func, or_, select, update

from directory.year_schema import past_member, year_switch
from mailgate import logs
from mailgate.config import Settings
from mailgate.database import Database, Statement, Tx

INTERVAL: Final = 60.0
"""Seconds between two looks."""
_CLAIM_SECONDS: Final = 1800
"""Longer than a switch takes: another gateway makes it then, if the one that began died."""

_now = bindparam("now", type_=BigInteger)
_due = (
    year_switch.c.academy == bindparam("of_academy", type_=Text),
    year_switch.c.due_at <= _now,
    year_switch.c.done_at.is_(None),
    year_switch.c.refusal == "",
    or_(year_switch.c.claimed_until.is_(None), year_switch.c.claimed_until <= _now),
)
_DUE: Final = Statement(select(func.count()).select_from(year_switch).where(*_due))
_CLAIM: Final = Statement(update(year_switch).where(*_due).values(claimed_until=bindparam("until", type_=BigInteger)))
_PAST: Final = Statement(select(func.max(past_member.c.school_year)))


class SwitchClock:
    """Carries out what is due. Of several gateways one does."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    async def look(self) -> None:
        """Make the switches that are due, and forget last year's lists once their time is over."""
        now = datetime.datetime.now().astimezone()
        academy, at = self._settings.directory.academy, int(now.timestamp())

        async def claimed(tx: Tx) -> bool:
            return bool(await tx.run(_CLAIM, of_academy=academy, now=at, until=at + _CLAIM_SECONDS))

        (due,) = await self._database.read(lambda tx: tx.one(_DUE, of_academy=academy, now=at)) or (0,)
        (past,) = await self._database.read(lambda tx: tx.one(_PAST)) or (None,)
        over = past is not None and now.date() > self._settings.directory.last_day_of_lists(past)
        if over or (due and await self._database.write(claimed)):
            await _in_a_process(self._settings)


async def _in_a_process(settings: Settings) -> None:
    """An import keeps a processor busy for long: who is served here does not wait for it."""
    process = multiprocessing.get_context("spawn").Process(target=_carry_out, args=(settings,), daemon=True)
    process.start()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(process.sentinel, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(process.sentinel)
        process.kill()  # all or nothing: what was not done is due at the next start
        process.join()


def _carry_out(settings: Settings) -> None:
    from mailgate.school_year.planning import carry_out  # noqa: PLC0415 - what serves needs no import of directories

    logs.configure(settings.log.format, settings.log.level)
    asyncio.run(carry_out(settings, datetime.datetime.now().astimezone()))
