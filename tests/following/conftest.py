"""A demo academy on an LDAP server of one's own, imported into a database of one's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import pytest
from sqlalchemy import Connection, func, select

from directory.schema import list_member
from mailgate import config, migrations
from mailgate.config import Settings
from mailgate.database.batch import batch_engine, batch_transaction
from mailgate.following.states import Live, State, live_sources, state_of
from mailgate.following.syncing import sync_source
from tests.directory_ldap.conftest import DATA, tree
from tests.support.slapd import PASSWORD, Slapd, replaced

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

    async def state(self) -> State:
        return await self.do(lambda connection: state_of(connection, "demo", "ent"))

    async def members(self) -> int:
        """Memberships of all lists."""
        return await self.do(lambda connection: connection.scalar(select(func.count()).select_from(list_member))) or 0

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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Tests go on from what others did."""
    folder = tmp_path_factory.mktemp("slapd")
    with Slapd(folder, tree("sdet.ldif"), DATA / "sdet.schema", sync=True) as server:
        made = Site(settings_for(server, f"sqlite:///{folder / 'mailgate.db'}"), server)
        asyncio.run(_imported(made))
        yield made


async def _imported(site: Site) -> None:
    async with batch_engine(site.settings.database.url, create=True) as engine:
        await migrations.upgrade(engine)
    assert (await sync_source(site.settings, site.live)).changed
