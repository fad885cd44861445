"""A gateway on a demo academy: a collège and a lycée, their people, their lists, and a password for everyone.

Everything is written below one folder. Started again on the same folder, it has the same people, passwords and mail.
"""

from __future__ import annotations

import asyncio
import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import Connection

from certs import CertificateFiles, ensure_demo
from certs.files import PRIVATE, write_atomically
from directory.importer import Progress
from directory.opening import open_files
from directory.queries import LISTS, PersonView, people
from directory.source import Format, Source
from directory.years import year_ahead
from mailgate import migrations
from mailgate.accounts import Accounts
from mailgate.config import Database, Directory, Gateway, Imap, Log, Settings, Smtp, Tls
from mailgate.database import open_database
from mailgate.database.batch import batch_engine
from mailgate.directory_import import Provisioning, import_settings, year_now
from mailgate.directory_sources import import_sources

HOST: Final = "127.0.0.1"
IMAPS_PORT: Final = 10993
SMTPS_PORT: Final = 10465
SHIPPED: Final = Path(__file__).with_name("demo_academy.tar.xz")
"""The AAF delivery that comes with the program."""


class DemoPerson(msgspec.Struct, frozen=True):
    """Somebody of the academy, and how to sign in as them."""

    address: str
    password: str
    profile: str
    school: str
    classes: tuple[str, ...]
    source_id: int | str


class Academy(msgspec.Struct, frozen=True):
    """What a demo was made of: kept beside its database, so that passwords can be shown again."""

    store: str
    people: tuple[DemoPerson, ...]
    lists: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that is ready to be served."""

    settings: Settings
    certificates: CertificateFiles
    academy: Academy


def prepare(state: Path, *, store: str | None, directory: Path | None, free_ports: bool, progress: Progress) -> Demo:
    """Make certificates, settings, the academy and its accounts below `state`, or find them there.

    `store` is a database URL (default: SQLite below `state`). `directory`, an AAF delivery of one's own, is
    imported at each start that names it, over what is there already; without it the academy is made once.

    Raises:
        DirectoryError: the delivery is refused; nothing of it was imported.
        DatabaseError, OSError: the store or the folder cannot be used.
    """
    state = state.absolute()
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The first name is the common name too: mbsync looks for an IP address nowhere else.
    certificates = ensure_demo(state / "tls", [HOST])
    settings = _settings(store or f"sqlite:///{state / 'mailgate.db'}", certificates, free_ports=free_ports)
    write_atomically(state / "mailgate.toml", _settings_file(settings), PRIVATE)
    kept = state / "academy.json"
    academy = _known(kept, settings)
    if academy is None or directory is not None:
        academy = asyncio.run(_import(settings, directory or SHIPPED, academy, progress))
        write_atomically(kept, msgspec.json.encode(academy), PRIVATE)
    return Demo(settings, certificates, academy)


def _settings(store: str, certificates: CertificateFiles, *, free_ports: bool) -> Settings:
    def listen(port: int) -> tuple[str, ...]:
        return (f"{HOST}:{0 if free_ports else port}",)

    return Settings(
        gateway=Gateway(hostname="localhost"),
        database=Database(url=store),
        tls=Tls(certificate=certificates.certificate, key=certificates.key),
        imap=Imap(listen=listen(IMAPS_PORT)),
        smtp=Smtp(listen=listen(SMTPS_PORT)),
        directory=Directory(academy="demo"),
        log=Log(format="text", level="warning"),
    )


def _settings_file(settings: Settings) -> bytes:
    """The settings that differ from the defaults, so that every other command works on the demo too."""
    tree: dict[str, dict[str, object]] = {
        "database": {"url": settings.database.url},
        "tls": {"certificate": str(settings.tls.certificate), "key": str(settings.tls.key)},
        "imap": {"listen": settings.imap.listen},
        "smtp": {"listen": settings.smtp.listen},
    }
    lines = [b"# Settings of this demo: `mailgate --config` this file for the other commands."]
    for section, keys in tree.items():
        lines += [b"", f"[{section}]".encode()]
        lines += [key.encode() + b" = " + msgspec.json.encode(value) for key, value in keys.items()]
    return b"\n".join(lines) + b"\n"


def _known(kept: Path, settings: Settings) -> Academy | None:
    """The academy of an earlier start, when its store is still there."""
    if not kept.exists():
        return None
    academy = msgspec.json.decode(kept.read_bytes(), type=Academy)
    return academy if academy.store == settings.database.url and asyncio.run(_has_schema(settings)) else None


async def _has_schema(settings: Settings) -> bool:
    async with batch_engine(settings.database.url, create=True) as engine:
        return (await migrations.version(engine)).current is not None


async def _import(settings: Settings, delivery: Path, before: Academy | None, progress: Progress) -> Academy:
    """Import a delivery, and make passwords for whom there is none from `before`."""
    now = datetime.datetime.now().astimezone()
    source = Source("aaf", Format.AAF)

    def work(connection: Connection) -> tuple[list[PersonView], list[str]]:
        current = year_now(connection, settings.directory, now.date())
        # A delivery of a later year is the directory at once: nothing is prepared in a demo.
        year = max(current, year_ahead(connection, settings.directory.academy, source, delivery, current))
        import_sources(
            connection,
            [open_files(source, delivery, year)],
            import_settings(settings.directory, now.date(), school_year=year),
            Provisioning.of(settings),
            now,
            progress=progress,
        )
        return people(connection), [row.address for row in connection.execute(LISTS)]

    async with batch_engine(settings.database.url, create=True) as engine:
        await migrations.upgrade(engine)
        async with engine.begin() as connection:
            found, lists = await connection.run_sync(work)
    passwords = {person.address: person.password for person in before.people} if before else {}
    new = [person for person in found if person.address not in passwords]
    made = await _passwords(settings, [person.person_id for person in new])
    passwords |= {person.address: password for person, password in zip(new, made, strict=True)}
    return Academy(
        store=settings.database.url,
        people=tuple(_shown(person, passwords[person.address]) for person in found),
        lists=tuple(lists),
    )


def _shown(person: PersonView, password: str) -> DemoPerson:
    return DemoPerson(
        address=person.address,
        password=password,
        profile=person.profile,
        school=person.schools[0] if person.schools else "",
        classes=person.classes,
        source_id=int(person.source_id) if person.source_id.isdigit() else person.source_id,
    )


async def _passwords(settings: Settings, account_ids: list[int]) -> list[str]:
    database = await open_database(settings.database.url)
    accounts = Accounts(database)
    try:
        return await accounts.create_app_passwords([(account_id, "demo") for account_id in account_ids])
    finally:
        accounts.close()
        await database.close()
