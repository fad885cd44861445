"""A grace that ends just when its leaver comes back: on PostgreSQL the one waits for the other, and nothing is lost."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy import Connection, func, insert, literal_column, select, table

from directory.schema import ACTIVE, person
from mailgate.database.batch import batch_transaction
from mailgate.migrations.tables import METADATA
from mailgate.retention.leavers import end_graces, give_back
from mailgate.retention.schema import leaver
from mailgate.store.access import PERSON
from mailgate.store.provisioning import INBOX_ID, create_accounts
from mailgate.store.schema import account, acl
from tests.support.templates import Fill, filled_by

BACK, FRIEND = 1, 2
NOW = int(time.time())
RIGHT = {
    "account_id": FRIEND, "mailbox_id": INBOX_ID, "grantee": PERSON, "grantee_id": BACK, "negative": 0, "rights": "lr",
}  # fmt: skip
_WAITING = select(func.count()).select_from(table("pg_locks")).where(literal_column("NOT granted"))


def _fill(connection: Connection) -> None:
    """Somebody whom the directory has again, whose grace is over, and who may read a friend's INBOX."""
    for one in METADATA:
        one.create_all(connection)
    texts = dict.fromkeys(("academy", "sdet", "sn", "given", "title", "display", "said_by"), "")
    people = {"person_id": BACK, "source": "test", "source_id": "1", "profile": "teacher", "state": ACTIVE}
    connection.execute(insert(person).values(people | texts))
    create_accounts(connection, [BACK, FRIEND])
    connection.execute(insert(acl).values(RIGHT))
    of_leaver = {"account_id": BACK, "profile": "teacher", "was": "active", "left_at": 0, "reads_until": 0}
    connection.execute(insert(leaver).values(of_leaver | {"rights": ""}))


CONTENT = filled_by(_fill)


@pytest.fixture
def database_content() -> Fill:
    return CONTENT


async def test_rights_that_end_while_somebody_comes_back_are_given_back(postgresql_url: str) -> None:
    async def back() -> list[int]:
        async with batch_transaction(postgresql_url) as connection:
            return await connection.run_sync(give_back)

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks, batch_transaction(postgresql_url) as connection:
        assert await connection.run_sync(end_graces, NOW) == [BACK]
        returning = tasks.create_task(back())
        while not await connection.scalar(_WAITING):
            pass
    assert returning.result() == [BACK]
    async with batch_transaction(postgresql_url) as connection:
        assert dict((await connection.execute(select(acl))).mappings().one()) == RIGHT
        state = await connection.scalar(select(account.c.state).where(account.c.account_id == BACK))
    assert state == "active"
