"""Read what opens an account: its state, its app passwords and its chosen password, from an address."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final

from sqlalchemy import and_, bindparam, func, or_, select, update

from directory.schema import address
from mailgate.accounts.app_passwords import AppPasswordKeys, fast_digest, subject_of
from mailgate.accounts.schema import app_password, chosen_password, sign_in_secret
from mailgate.database import Database, Statement, Tx
from mailgate.database.statement import insert
from mailgate.store.provisioning import SIGNS_IN
from mailgate.store.schema import account

NOBODY: Final = -1
"""No account has this number; an unknown address is looked up under it, to take the time of a known one."""

LAST_USE_SECONDS: Final = 3600
"""The last use of an app password is written at most this often."""

_of_address = select(address.c.person_id).where(address.c.address == bindparam("address")).scalar_subquery()

# One account, one row for each app password, at least one row; in one statement, which needs no transaction.
_BY_ADDRESS: Final = Statement(
    select(
        account.c.account_id,
        account.c.state,
        chosen_password.c.hash,
        app_password.c.password_id,
        app_password.c.salt,
        app_password.c.iterations,
        app_password.c.stored_key,
        app_password.c.server_key,
        app_password.c.digest,
        app_password.c.last_used_at,
    )
    .select_from(
        account.outerjoin(chosen_password, chosen_password.c.account_id == account.c.account_id).outerjoin(
            app_password,
            and_(app_password.c.account_id == account.c.account_id, app_password.c.revoked_at.is_(None)),
        )
    )
    .where(account.c.account_id == func.coalesce(_of_address, NOBODY))
    .order_by(app_password.c.password_id)
)

_TOUCH: Final = Statement(
    update(app_password)
    .values(last_used_at=bindparam("now"))
    .where(
        app_password.c.account_id == bindparam("account_id"),
        app_password.c.password_id == bindparam("password_id"),
        or_(app_password.c.last_used_at.is_(None), app_password.c.last_used_at <= bindparam("before")),
    )
)

_SECRET: Final = Statement(select(sign_in_secret.c.secret).where(sign_in_secret.c.secret_id == 1))
_KEEP_SECRET: Final = Statement(
    insert(sign_in_secret).values(secret_id=1, secret=bindparam("secret")).on_conflict_do_nothing()
)


@dataclass(frozen=True, slots=True)
class AppPassword:
    """An app password that was not revoked."""

    password_id: int
    keys: AppPasswordKeys
    last_used_at: int | None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an address opens; for an address of nobody, what opens nothing."""

    name: str
    account_id: int | None
    active: bool = False
    chosen_hash: str | None = field(default=None, repr=False)
    app_passwords: tuple[AppPassword, ...] = ()

    @property
    def subject(self) -> str:
        """Whose failures are counted: the account, whichever of its addresses is tried; else the unknown name."""
        return self.name if self.account_id is None else subject_of(self.account_id)

    def matching(self, characters: str) -> AppPassword | None:
        """The app password that has these characters, tried against all of them."""
        found = None
        for candidate in self.app_passwords:
            if compare_digest(fast_digest(candidate.keys.salt, characters), candidate.keys.digest):
                found = candidate
        return found


async def look_up(database: Database, name: str) -> Credentials:
    """What the folded address `name` opens."""

    async def work(tx: Tx) -> Credentials:
        rows = await tx.all(_BY_ADDRESS, address=name)
        if not rows:
            return Credentials(name, None)
        account_id, state, chosen_hash = rows[0][:3]
        app_passwords = tuple(
            AppPassword(row[3], AppPasswordKeys(row[4], row[5], row[6], row[7], row[8]), row[9])
            for row in rows
            if row[3] is not None
        )
        return Credentials(name, account_id, state in SIGNS_IN, chosen_hash, app_passwords)

    return await database.read(work)


async def note_use(database: Database, account_id: int, used: AppPassword, now: int) -> None:
    """Write the last use of an app password, if the one that is written is older than an hour."""
    before = now - LAST_USE_SECONDS
    if used.last_used_at is not None and used.last_used_at > before:
        return

    async def work(tx: Tx) -> None:
        await tx.run(_TOUCH, account_id=account_id, password_id=used.password_id, now=now, before=before)

    await database.write(work)


async def load_secret(database: Database) -> bytes:
    """The installation's secret for salts, made at first use."""

    async def read(tx: Tx) -> bytes | None:
        row = await tx.one(_SECRET)
        return None if row is None else bytes(row[0])

    async def make(tx: Tx) -> bytes | None:
        await tx.run(_KEEP_SECRET, secret=secrets.token_bytes(32))
        return await read(tx)

    secret = await database.read(read) or await database.write(make)
    if secret is None:
        raise RuntimeError("the sign-in secret was written and cannot be read")
    return secret
