"""The mail of an account that was merged into another: copied into a folder of that one, and taken back.

The dropped account always keeps its own mail, so that nothing has to be moved back when the merge is undone.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, select

from directory.exclusions import FamilyError
from directory.family_schema import merged_address, person_merge
from directory.queries import PERSON_BY_ADDRESS
from imap.backend import HIERARCHY_DELIMITER
from mailgate.cli.context import (
    console,
    in_transaction,
)
from mailgate.config import Settings
from mailgate.database import open_database
from mailgate.policy.audit import record
from mailgate.store import MailStore
from mailgate.transfer.exporting import Format, export_account, own_mailboxes
from mailgate.transfer.importing import contents_of, import_archive, open_archive
from mailgate.transfer.intake import Intake
from mailgate.transfer.report import Report


class Pair(NamedTuple):
    """The accounts of a merge, and the folder of the kept one that has the mail of the other."""

    dropped_id: int
    kept_id: int
    folder: str


async def pair_of(settings: Settings, text: str) -> Pair | None:
    """The merge of the owner of an address, or None."""
    return await in_transaction(settings, lambda connection: _pair(connection, text))


def _pair(connection: Connection, text: str) -> Pair | None:
    of = select(merged_address.c.owner_id).where(merged_address.c.address == text.strip().lower())
    owner = connection.scalar(of)
    if owner is None:
        return None
    kept = connection.scalar(select(person_merge.c.root_id).where(person_merge.c.dropped_id == owner))
    main = select(merged_address.c.address).where(merged_address.c.owner_id == owner, merged_address.c.is_primary)
    return Pair(owner, kept or 0, connection.execute(main).scalar_one())


async def is_merged(settings: Settings, keep: str, drop: str) -> bool:
    """Whether the owner of `drop` is merged into the person of `keep` already."""
    pair = await pair_of(settings, drop)
    if pair is None:
        return False

    def holder(connection: Connection) -> int | None:
        row = connection.execute(PERSON_BY_ADDRESS, {"address": keep.strip().lower()}).first()
        return None if row is None else row.person_id

    return await in_transaction(settings, holder) == pair.kept_id


@asynccontextmanager
async def _intakes(settings: Settings, pair: Pair) -> AsyncIterator[tuple[Intake, Intake]]:
    database = await open_database(settings.database.url, pool_size=settings.database.pool_size)
    try:
        store = MailStore(database, append_limit=settings.imap.max_message_size)
        kept, dropped = (
            Intake(database, store.account(number, pair.folder)) for number in (pair.kept_id, pair.dropped_id)
        )
        yield kept, dropped
    finally:
        await database.close()


async def move(settings: Settings, drop: str) -> Report:
    """Put what the dropped account holds into a folder of the kept one, which gets what it lacks of it."""
    pair = await pair_of(settings, drop)
    if pair is None:
        raise FamilyError(f"{drop} is merged into nobody")
    with tempfile.TemporaryDirectory() as folder:
        async with _intakes(settings, pair) as (kept, dropped):
            await export_account(dropped.account, Path(folder), Format.MAILDIR)
            sources = [
                replace(one, target=f"{pair.folder}{HIERARCHY_DELIMITER}{one.target}")
                for one in open_archive(Path(folder), Format.MAILDIR)
            ]
            report = await import_archive(kept, sources)
    told = f"{sum(one.copied for one in report.folders)} messages"
    await in_transaction(
        settings, lambda connection: record(connection, "person move-mail", pair.folder, told), writes=True
    )
    return report


async def take_back(settings: Settings, pair: Pair) -> None:
    """Delete the folders that `move` made, as far as all that they hold is in the dropped account."""
    beginning = pair.folder + HIERARCHY_DELIMITER
    async with _intakes(settings, pair) as (kept, dropped):
        names = [one.name for one in await own_mailboxes(kept.account)]
        for name in sorted((one for one in names if one.startswith(beginning)), reverse=True):
            held = await contents_of(kept.account, name)
            if held.keys() <= (await contents_of(dropped.account, name.removeprefix(beginning))).keys():
                await kept.account.delete(name)
            else:
                console.print(f"{name} stays: it holds messages that were put there since.")
        left = [one.name for one in await own_mailboxes(kept.account) if one.name.startswith(pair.folder)]
        if left == [pair.folder] and not await contents_of(kept.account, pair.folder):
            await kept.account.delete(pair.folder)
