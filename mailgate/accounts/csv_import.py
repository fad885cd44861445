"""Make the accounts of a checked CSV file, all or none, with their passwords."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert, select

from directory.local import add_person, school_named
from mailgate.accounts.app_passwords import derive, generate, salt_for, subject_of
from mailgate.accounts.chosen_passwords import check_policy, hash_chosen
from mailgate.accounts.csv_accounts import CsvAccount, CsvRejected, LineError
from mailgate.accounts.schema import app_password, chosen_password, sign_in_secret
from mailgate.store.provisioning import create_accounts


@dataclass(frozen=True, slots=True)
class MadeAccount:
    """An account that was made; `password` is the app password to show, for the only time, None when one was given."""

    account_id: int
    address: str
    label: str
    password: str | None = field(repr=False)


def import_accounts(
    connection: Connection, accounts: Sequence[CsvAccount], *, quota_limit: int = 0
) -> list[MadeAccount]:
    """Make people, mail accounts and passwords in the transaction of `connection`, which the caller commits.

    Takes some 2 ms for each account, 25 ms where a password is given: not for an event loop.

    Raises:
        CsvRejected: addresses that are taken, schools that there are not, with their lines; the caller must roll back.
    """
    made = _add_people(connection, accounts)
    create_accounts(connection, [one.account_id for one in made], quota_limit=quota_limit)
    secret, now = _secret(connection), int(time.time())
    app_rows = [_app_row(one, secret, now) for one in made if one.password is not None]
    chosen_rows = [
        {"account_id": one.account_id, "hash": hash_chosen(check_policy(line.password, [])), "changed_at": now}
        for one, line in zip(made, accounts, strict=True)
        if line.password is not None
    ]
    for table, rows in ((app_password, app_rows), (chosen_password, chosen_rows)):
        if rows:
            connection.execute(insert(table), rows)
    return made


def _add_people(connection: Connection, accounts: Sequence[CsvAccount]) -> list[MadeAccount]:
    made: list[MadeAccount] = []
    errors: list[LineError] = []
    for one in accounts:
        try:
            uai = school_named(connection, one.school) if one.school else None
        except ValueError as error:
            errors.append(LineError(one.line, str(error), "school"))
            continue
        try:
            account_id = add_person(
                connection, given="", sn=one.label, address=one.address, profile=one.profile, school=uai
            )
        except ValueError as error:
            errors.append(LineError(one.line, str(error), "address"))
            continue
        made.append(MadeAccount(account_id, one.address, one.label, None if one.password else generate()))
    if errors:
        raise CsvRejected(errors)
    return made


def _secret(connection: Connection) -> bytes:
    found: bytes | None = connection.scalar(select(sign_in_secret.c.secret).where(sign_in_secret.c.secret_id == 1))
    if found is None:
        found = secrets.token_bytes(32)
        connection.execute(insert(sign_in_secret).values(secret_id=1, secret=found))
    return found


def _app_row(one: MadeAccount, secret: bytes, now: int) -> dict[str, object]:
    keys = derive(one.password or "", salt_for(secret, subject_of(one.account_id)))
    return {
        "account_id": one.account_id,
        "password_id": 1,
        "label": one.label,
        "salt": keys.salt,
        "iterations": keys.iterations,
        "stored_key": keys.stored_key,
        "server_key": keys.server_key,
        "digest": keys.digest,
        "created_at": now,
    }
