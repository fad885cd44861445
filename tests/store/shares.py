"""People, lists, shared accounts and rights, as rows."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from sqlalchemy import Table, delete

from directory import schema as directory
from imap.backend import MailboxRef
from mailgate.database import Database, Statement, Tx
from mailgate.database.statement import insert
from mailgate.store.schema import acl, shared_account

OFFICE = 20
"""A shared account of the tests, one of those that the store fixture makes."""


async def put(database: Database, table: Table, **values: object) -> None:
    """One row."""

    async def work(tx: Tx) -> None:
        await tx.run(Statement(insert(table).values(values)))

    await database.write(work)


async def grant(
    database: Database, ref: MailboxRef, grantee_id: int, rights: str, *, kind: str = "person", negative: int = 0
) -> None:
    """One line of an access control list, in place of the one before."""
    where = (acl.c.account_id == ref.account_id, acl.c.mailbox_id == ref.mailbox_id, acl.c.grantee_id == grantee_id)

    async def forget(tx: Tx) -> None:
        await tx.run(Statement(delete(acl).where(*where, acl.c.grantee == kind, acl.c.negative == negative)))

    await database.write(forget)
    if rights:
        await put(
            database,
            acl,
            account_id=ref.account_id,
            mailbox_id=ref.mailbox_id,
            grantee=kind,
            grantee_id=grantee_id,
            negative=negative,
            rights=rights,
        )


async def office(
    database: Database, rights: dict[int, str], name: str = "Office", account_id: int = OFFICE, kind: str = ""
) -> None:
    """A shared account whose six mailboxes these people may use."""
    await put(database, shared_account, account_id=account_id, name=name, kind=kind, target_id=0)
    for reader, letters in rights.items():
        for mailbox_id in range(1, 7):
            await grant(database, MailboxRef(account_id, mailbox_id), reader, letters)


async def person(database: Database, person_id: int, address: str, profile: str = "teacher") -> None:
    """Somebody of the directory."""
    await put(
        database,
        directory.person,
        person_id=person_id,
        source="local",
        academy="",
        source_id=str(person_id),
        profile=profile,
        sdet="",
        sn=address,
        given="",
        title="",
        display=address,
        state="active",
        left_at=None,
    )
    await put(
        database,
        directory.address,
        address=address,
        person_id=person_id,
        is_primary=True,
        given_at=datetime.date(2026, 9, 1),
        base=address,
        number=1,
    )


async def a_list(database: Database, list_id: int, members: Sequence[int], audience: str = "administration") -> None:
    """A list of the directory, its address ``<audience>.<number>@example.org``."""
    await put(
        database,
        directory.list_,
        list_id=list_id,
        address=f"{audience}.{list_id}@example.org",
        kind="school",
        audience=audience,
        target_id=list_id,
        school_id=None,
        ref="",
        label="",
        active=True,
    )
    for member in members:
        await put(database, directory.list_member, list_id=list_id, person_id=member)
