"""Who is told outside of what comes in is told of a message that waits when it is approved, and not before."""

from __future__ import annotations

import msgspec
from sqlalchemy import select

from mailgate.config import Queue
from mailgate.database import Statement, open_database
from mailgate.database.batch import batch_engine
from mailgate.delivery.notices import Notices
from mailgate.moderation import held as table
from mailgate.moderation.deciding import Decider, Moderation
from mailgate.policy import schools
from mailgate.queue.schema import queued_recipient
from mailgate.queue.wishes import choose
from tests.end_to_end.school import PARENTS, members
from tests.moderation.desk import SERVICE, SETTINGS, Desk

UAI = "0131001T"
OPEN = msgspec.structs.replace(SETTINGS, queue=Queue(route="smarthost", smarthost="127.0.0.1:1"))
_QUEUED = Statement(select(queued_recipient.c.address))


async def test_nobody_is_told_before_the_decision(academy_url: str) -> None:
    writer, reader = members(PARENTS)[:2]
    async with batch_engine(academy_url) as engine, engine.begin() as connection:
        await connection.run_sync(choose, reader, "home@example.net")
        school_id = await connection.run_sync(schools.school_id_of, UAI)
        await connection.run_sync(schools.change, school_id, "outside", "notify")
    database = await open_database(academy_url)
    try:
        desk = await Desk(database).start()
        await desk.send(writer, [PARENTS], "Sortie")
        assert await database.read(lambda tx: tx.all(_QUEUED)) == []
        [held] = await database.read(table.waiting)
        moderation = Moderation(database, desk.store, SERVICE, desk.clock, notices=Notices(database, OPEN))
        await moderation.approve(held.held_id, Decider("Somebody", "somebody@ent.example.org"))
        assert [row[0] for row in await database.read(lambda tx: tx.all(_QUEUED))] == ["home@example.net"]
    finally:
        await database.close()
