"""Statements of the care of passwords: make, list, revoke, set."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Integer, LargeBinary, Text, bindparam, exists, func, select, update

from directory.schema import address
from mailgate.accounts.app_passwords import AppPasswordKeys
from mailgate.accounts.errors import LabelRejected, TooManyPasswords, UnknownAccount
from mailgate.accounts.schema import activation_code, app_password, chosen_password
from mailgate.database import Database, Statement, Tx
from mailgate.database.statement import insert, member, rows
from mailgate.store.schema import account, shared_account

MAX_APP_PASSWORDS: Final = 50
"""App passwords of one account that are not revoked; each sign-in reads them all."""

MAX_LABEL: Final = 100

# Held to the end of the transaction, so that two makers cannot give one number. A shared account has no sign-in.
_LOCK: Final = Statement(
    select(account.c.account_id)
    .where(
        member(account.c.account_id, "account_ids"),
        ~exists().where(shared_account.c.account_id == account.c.account_id),
    )
    .order_by(account.c.account_id)
    .with_for_update()
)

_COUNTS: Final = Statement(
    select(
        app_password.c.account_id,
        func.max(app_password.c.password_id),
        func.count().filter(app_password.c.revoked_at.is_(None)),
    )
    .where(member(app_password.c.account_id, "account_ids"))
    .group_by(app_password.c.account_id)
)

_fresh = rows(
    "fresh",
    account_id=BigInteger,
    password_id=Integer,
    label=Text,
    salt=LargeBinary,
    iterations=Integer,
    stored_key=LargeBinary,
    server_key=LargeBinary,
    digest=LargeBinary,
    created_at=BigInteger,
)
_INSERT: Final = Statement(insert(app_password).from_select(list(_fresh.c.keys()), select(_fresh)))

_LIST: Final = Statement(
    select(
        app_password.c.password_id,
        app_password.c.label,
        app_password.c.created_at,
        app_password.c.last_used_at,
        app_password.c.revoked_at,
    )
    .where(app_password.c.account_id == bindparam("account_id"))
    .order_by(app_password.c.password_id)
)

_REVOKE: Final = Statement(
    update(app_password)
    .values(revoked_at=bindparam("now"))
    .where(
        app_password.c.account_id == bindparam("account_id"),
        app_password.c.password_id == bindparam("password_id"),
        app_password.c.revoked_at.is_(None),
    )
)

_choice = insert(chosen_password).values(
    account_id=bindparam("account_id"), hash=bindparam("hash"), changed_at=bindparam("now")
)
_SET: Final = Statement(
    _choice.on_conflict_do_update(
        index_elements=[chosen_password.c.account_id],
        set_={"hash": _choice.excluded.hash, "changed_at": _choice.excluded.changed_at},
    )
)

# Who has a password needs no code any more: a letter that is found later opens nothing.
_END_CODE: Final = Statement(
    update(activation_code)
    .values(revoked_at=bindparam("now"))
    .where(
        activation_code.c.account_id == bindparam("account_id"),
        activation_code.c.used_at.is_(None),
        activation_code.c.revoked_at.is_(None),
    )
)

_ADDRESSES: Final = Statement(select(address.c.address).where(address.c.person_id == bindparam("account_id")))


@dataclass(frozen=True, slots=True)
class NewAppPassword:
    """An app password to keep."""

    account_id: int
    label: str
    keys: AppPasswordKeys


@dataclass(frozen=True, slots=True)
class AppPasswordInfo:
    """What is shown of an app password; times in seconds since the epoch."""

    password_id: int
    label: str
    created_at: int
    last_used_at: int | None
    revoked_at: int | None


def check_label(label: str) -> str:
    """Give the label without blanks around it. Raises LabelRejected."""
    stripped = label.strip()
    if not stripped or len(stripped) > MAX_LABEL:
        raise LabelRejected(f"A label has 1 to {MAX_LABEL} characters.")
    if any(unicodedata.category(char)[0] == "C" for char in stripped):
        raise LabelRejected("A label holds no control character.")
    return stripped


async def insert_app_passwords(database: Database, made: Sequence[NewAppPassword], now: int) -> None:
    """Keep these app passwords, all or none. Raises UnknownAccount, TooManyPasswords."""
    account_ids = {one.account_id for one in made}

    async def work(tx: Tx) -> None:
        known = {row[0] for row in await tx.all(_LOCK, account_ids=account_ids)}
        if missing := account_ids - known:
            raise UnknownAccount(f"There is no account {min(missing)}.")
        highest = dict.fromkeys(account_ids, 0)
        active = dict.fromkeys(account_ids, 0)
        for account_id, password_id, count in await tx.all(_COUNTS, account_ids=account_ids):
            highest[account_id], active[account_id] = password_id, count
        fresh: list[tuple[object, ...]] = []
        for one in made:
            highest[one.account_id] += 1
            active[one.account_id] += 1
            if active[one.account_id] > MAX_APP_PASSWORDS:
                raise TooManyPasswords(f"An account has at most {MAX_APP_PASSWORDS} app passwords: revoke one first.")
            fresh.append(_row(one, highest[one.account_id], now))
        await tx.run(_INSERT, fresh=fresh)

    if made:
        await database.write(work)


def _row(one: NewAppPassword, password_id: int, now: int) -> tuple[object, ...]:
    keys = one.keys
    identity = (one.account_id, password_id, one.label)
    return (*identity, keys.salt, keys.iterations, keys.stored_key, keys.server_key, keys.digest, now)


async def list_app_passwords(database: Database, account_id: int) -> list[AppPasswordInfo]:
    """All app passwords of an account, oldest first."""

    async def work(tx: Tx) -> list[AppPasswordInfo]:
        return [AppPasswordInfo(*row) for row in await tx.all(_LIST, account_id=account_id)]

    return await database.read(work)


async def revoke_app_password(database: Database, account_id: int, password_id: int, now: int) -> bool:
    """Revoke; False when there is no such app password or it was revoked before."""

    async def work(tx: Tx) -> bool:
        return await tx.run(_REVOKE, account_id=account_id, password_id=password_id, now=now) > 0

    return await database.write(work)


async def addresses_of(database: Database, account_id: int) -> list[str]:
    """All addresses of an account."""

    async def work(tx: Tx) -> list[str]:
        return [row[0] for row in await tx.all(_ADDRESSES, account_id=account_id)]

    return await database.read(work)


async def store_chosen_password(database: Database, account_id: int, stored: str, now: int) -> None:
    """Put the hash of a chosen password in the place of the one before; an activation code that waits ends. Raises
    UnknownAccount.
    """

    async def work(tx: Tx) -> None:
        await put_chosen_password(tx, account_id, stored, now)

    await database.write(work)


async def put_chosen_password(tx: Tx, account_id: int, stored: str, now: int) -> None:
    """The same in a transaction."""
    if not await tx.all(_LOCK, account_ids=[account_id]):
        raise UnknownAccount(f"There is no account {account_id}.")
    await tx.run(_SET, account_id=account_id, hash=stored, now=now)
    await tx.run(_END_CODE, account_id=account_id, now=now)
