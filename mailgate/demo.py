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
from directory.queries import LISTS, people
from directory.readers.aaf import read_aaf
from mailgate import migrations
from mailgate.accounts import Accounts
from mailgate.config import Database, Directory, Gateway, Imap, Log, Settings, Smtp, Tls
from mailgate.database import open_database
from mailgate.database.open import async_engine
from mailgate.directory_import import import_and_provision, import_settings

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

    `store` is a database URL (default: SQLite below `state`), `directory` another AAF complete delivery.

    Raises:
        DirectoryError: the delivery is refused; nothing of it was imported.
        DatabaseError, OSError: the store or the folder cannot be used.
    """
    state = state.absolute()
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The first name is the common name too: mbsync looks for an IP address nowhere else.
    certificates = ensure_demo(state / "tls", [HOST])
    settings = _settings(state, store or f"sqlite:///{state / 'mailgate.db'}", certificates, free_ports=free_ports)
    write_atomically(state / "mailgate.toml", _settings_file(settings), PRIVATE)
    kept = state / "academy.json"
    academy = _known(kept, settings)
    if academy is None:
        academy = asyncio.run(_import(settings, directory or SHIPPED, progress))
        write_atomically(kept, msgspec.json.encode(academy), PRIVATE)
    return Demo(settings, certificates, academy)


def _settings(state: Path, store: str, certificates: CertificateFiles, *, free_ports: bool) -> Settings:
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
    same = academy.store == settings.database.url and asyncio.run(_version(settings)).current is not None
    return academy if same else None


async def _version(settings: Settings) -> migrations.SchemaVersion:
    engine = async_engine(settings.database.url)
    try:
        return await migrations.version(engine)
    finally:
        await engine.dispose()


async def _import(settings: Settings, delivery: Path, progress: Progress) -> Academy:
    today = datetime.datetime.now().astimezone().date()

    def work(connection: Connection) -> None:
        import_and_provision(
            connection,
            read_aaf(delivery),
            import_settings(settings.directory, today),
            quota=settings.accounts.quota,
            progress=progress,
        )

    engine = async_engine(settings.database.url)
    try:
        await migrations.upgrade(engine)
        async with engine.begin() as connection:
            await connection.run_sync(work)
            found = await connection.run_sync(people)
            lists = (await connection.execute(LISTS)).all()
    finally:
        await engine.dispose()
    passwords = await _passwords(settings, [person.person_id for person in found])
    return Academy(
        store=settings.database.url,
        people=tuple(
            DemoPerson(
                address=person.address,
                password=password,
                profile=person.profile,
                school=person.schools[0] if person.schools else "",
                classes=person.classes,
                source_id=int(person.source_id) if person.source_id.isdigit() else person.source_id,
            )
            for person, password in zip(found, passwords, strict=True)
        ),
        lists=tuple(row.address for row in lists),
    )


async def _passwords(settings: Settings, account_ids: list[int]) -> list[str]:
    database = await open_database(settings.database.url)
    accounts = Accounts(database)
    try:
        return await accounts.create_app_passwords([(account_id, "demo") for account_id in account_ids])
    finally:
        accounts.close()
        await database.close()
