"""A small academy on an LDAP server of one's own, imported into a database of one's own, on each store in turn."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

import pytest
from sqlalchemy import Connection, func, select, text

from directory.schema import list_, list_member, person
from mailgate import config, migrations
from mailgate.config import Settings
from mailgate.database.batch import batch_engine, batch_transaction
from mailgate.following import states
from mailgate.following.states import Live, State, live_sources, state_of
from mailgate.following.syncing import sync_source
from tests.directory_ldap.conftest import DATA
from tests.directory_ldap.small_tree import small_tree
from tests.support.postgresql import PostgresqlServer
from tests.support.slapd import BASE, PASSWORD, Slapd, Writer, replaced

T = TypeVar("T")
NOWHERE = "nothing$nothing"


@dataclass(slots=True)
class Site:
    """A gateway's settings and its database, and the server that it follows."""

    settings: Settings
    server: Slapd

    @property
    def live(self) -> Live:
        (one,) = live_sources(self.settings.directory)
        return one

    async def do(self, work: Callable[[Connection], T]) -> T:
        async with batch_transaction(self.settings.database.url) as connection:
            return await connection.run_sync(work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """The same without waiting for who writes."""
        async with batch_engine(self.settings.database.url) as engine, engine.begin() as connection:
            return await connection.run_sync(work)

    async def state(self) -> State:
        return await self.read(lambda connection: state_of(connection, "demo", "ent"))

    async def members(self) -> int:
        """Memberships of all lists."""
        return await self.read(lambda connection: connection.scalar(select(func.count()).select_from(list_member))) or 0

    async def of(self, address: str) -> set[str]:
        """The numbers of the members of a list."""
        rows = (
            select(person.c.source_id)
            .join(list_member, list_member.c.person_id == person.c.person_id)
            .join(list_, list_.c.list_id == list_member.c.list_id)
            .where(list_.c.address == address)
        )
        return await self.read(lambda connection: set(connection.scalars(rows)))

    async def state_of(self, number: str) -> str:
        """Whether a person is there or has left."""
        rows = select(person.c.state).where(person.c.source_id == number)
        return await self.read(lambda connection: connection.scalars(rows).one())

    def number(self, directory: Writer, dn: str) -> str:
        """The number of a person in the academy."""
        directory.search(dn, "(objectClass=*)", BASE, attributes=["ENTPersonJointure"])
        return str(directory.response[0]["raw_attributes"]["ENTPersonJointure"][0].decode())

    async def due(self) -> State:
        """The next look may begin at once, and of changes and failures nothing is known."""
        state = (await self.state())._replace(next_look=0, changed_at=0, failures=0, error="")
        await self.do(lambda connection: states.put(connection, state))
        return state

    async def due_again(self) -> None:
        """The next look may begin at once."""
        state = await self.state()
        await self.do(lambda connection: states.change(connection, state, next_look=0))

    async def taking_in(self) -> bool:
        """Whether somebody is in the middle of a transaction that changes the directory."""
        if not self.settings.database.url.startswith("sqlite"):
            held = text(
                "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database "
                "WHERE locktype = 'advisory' AND granted AND datname = current_database()"
            )
            return await self.read(lambda connection: bool(connection.scalar(held)))
        connection = sqlite3.connect(
            self.settings.database.url.removeprefix("sqlite:///"), timeout=0, isolation_level=None
        )
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return True
        finally:
            connection.close()
        return False

    def pupils(self) -> list[str]:
        """Those in a class."""
        with self.server.writing() as directory:
            directory.search(self.server.suffix, "(ENTEleveClasses=*)", attributes=["ENTEleveClasses"])
            found = {one["dn"]: one["raw_attributes"]["ENTEleveClasses"] for one in directory.response}
        return [dn for dn, classes in found.items() if classes != [NOWHERE.encode()]]

    def out_of_class(self, dn: str) -> None:
        """A pupil leaves the class and its lists."""
        with self.server.writing() as directory:
            directory.modify(dn, replaced(ENTEleveClasses=NOWHERE))


def settings_for(server: Slapd, database: str) -> Settings:
    ldap = {
        "url": server.ldaps,
        "base": server.suffix,
        "bind_dn": server.reader,
        "bind_password": PASSWORD,
        "ca": str(server.tls.ca),
        "every": 1,
    }
    sources = [{"name": "ent", "format": "sdet", "ldap": ldap}]
    return config.decode({"database": {"url": database}, "directory": {"sources": sources}})


@pytest.fixture(scope="package", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Tests go on from what others did."""
    folder = tmp_path_factory.mktemp("slapd")
    with ExitStack() as stack:
        server = stack.enter_context(Slapd(folder, small_tree(), DATA / "sdet.schema", sync=True))
        if request.param == "sqlite":
            url = f"sqlite:///{folder / 'mailgate.db'}"
        else:
            postgresql: PostgresqlServer = request.getfixturevalue("postgresql_server")
            url = postgresql.create_database()
            stack.callback(postgresql.drop_database, url)
        made = Site(settings_for(server, url), server)
        asyncio.run(_imported(made))
        yield made


async def _imported(site: Site) -> None:
    async with batch_engine(site.settings.database.url, create=True) as engine:
        await migrations.upgrade(engine)
    assert (await sync_source(site.settings, site.live)).changed
