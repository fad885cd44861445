"""Who is signed in when the account is closed hears a goodbye; everybody else goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection, delete

from imap.server import ImapServer
from mailgate.accounts import Accounts
from mailgate.accounts.closed_sessions import ClosedSessions
from mailgate.accounts.imap_sign_in import ImapSignIn
from mailgate.database import Database
from mailgate.database.batch import batch_transaction
from mailgate.store import MailStore
from mailgate.store.provisioning import set_state
from mailgate.store.schema import account
from tests.accounts.conftest import ALICE, BOB
from tests.imap.conftest import listening, make_tls
from tests.imap.wire import Client

PASSWORD = "correct horse battery"
BYE = b"* BYE Your account is closed"


@pytest.mark.parametrize("purged", [False, True])
async def test_sessions_end_with_their_account(
    accounts: Accounts, people: dict[str, int], database: Database, database_url: str, tmp_path: Path, *, purged: bool
) -> None:
    tls = make_tls(tmp_path)
    store = MailStore(database)
    server = ImapServer(ImapSignIn(accounts, store.account), ssl_context=tls.server)
    await server.start([listening()])
    clients: list[Client] = []
    for address in (ALICE, ALICE, BOB):
        await accounts.set_password(people[address], PASSWORD)
        clients.append(await (await Client.connect(server.addresses[0], tls.client)).sign_in(address, PASSWORD))
    stranger = await Client.connect(server.addresses[0], tls.client)
    await stranger.line()
    idle, other, stays = clients
    await idle.ok("SELECT INBOX")
    await idle.send(b"i IDLE\r\n")
    await idle.line()
    closed = ClosedSessions(database, server)
    assert await closed.look() == 0

    def close(connection: Connection) -> None:
        set_state(connection, [people[ALICE]], "suspended")
        if purged:
            connection.execute(delete(account).where(account.c.account_id == people[ALICE]))

    async with batch_transaction(database_url) as connection:
        await connection.run_sync(close)
    assert await closed.look() == 2
    assert [await one.line() for one in (idle, other)] == [BYE, BYE]
    assert [await one.at_end() for one in (idle, other)] == [True, True]
    await stays.ok("NOOP")
    await stranger.ok("NOOP")
    for one in (*clients, stranger):
        await one.close()
    assert await closed.look() == 0
    await server.stop(grace=5)
