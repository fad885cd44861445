"""PostgreSQL was restarted under signed-in people: every command was answered with SERVERBUG, and logged with 60 lines.

Clients treat UNAVAILABLE (RFC 5530) as what it is: a reason to try again.
"""

from __future__ import annotations

import pytest

from directory import schema as directory
from mailgate.database import open_database
from mailgate.database.open import async_engine
from mailgate.store import MailStore
from mailgate.store.schema import metadata
from tests.imap.conftest import Tls
from tests.regressions.conftest import Served
from tests.store.conftest import ASKED_OF_THE_DIRECTORY
from tests.store.messages import message
from tests.support.postgresql import PostgresqlServer


async def test_commands_are_refused_until_it_is_back(tls: Tls, caplog: pytest.LogCaptureFixture) -> None:
    with PostgresqlServer(durable=False) as server:
        url = server.create_database()
        engine = async_engine(url)
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
            await connection.run_sync(directory.metadata.create_all, tables=ASKED_OF_THE_DIRECTORY)
        await engine.dispose()
        database = await open_database(url)
        store = MailStore(database)
        await store.create_accounts([(1, 0)])
        served = Served(store.account(1, "alice@example.org"), tls)
        await served.start()
        client = await served.client("SELECT INBOX")
        server.pause()
        for command in ("NOOP", 'LIST "" "*"', "STATUS Sent (MESSAGES)", "CREATE A"):
            assert b" NO [UNAVAILABLE] " in (await client.command(command))[-1]
        assert b" NO [UNAVAILABLE] " in await client.append("INBOX", message())
        server.resume()
        assert await client.ok("NOOP") == []
        assert b" OK [APPENDUID " in await client.append("INBOX", message())
        await served.stop()
        await store.close()
        await database.close()
    assert not [record for record in caplog.records if record.exc_info]
