"""`mailgate account`: who may sign in, with which passwords, and accounts that are in no directory."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, Row, select

from directory.queries import ADDRESSES_OF_PERSON, LISTS_OF_PERSON, PERSON_BY_ADDRESS
from mailgate.accounts.chosen_passwords import check_policy
from mailgate.accounts.csv_accounts import CsvAccount, CsvRejected, parse_accounts
from mailgate.accounts.csv_import import MadeAccount, import_accounts
from mailgate.accounts.management import check_label
from mailgate.cli.context import (
    CommandFailed,
    Json,
    accounts,
    apply,
    console,
    in_transaction,
    print_json,
    print_table,
    run,
    settings_of,
)
from mailgate.config import Settings
from mailgate.store.provisioning import State, set_state
from mailgate.store.schema import account, mailbox

app = typer.Typer(help="Accounts and their passwords.", no_args_is_help=True)
password = typer.Typer(
    help="App passwords, made by the machine, and passwords that people choose.", no_args_is_help=True
)
app.add_typer(password, name="password")

Address = Annotated[str, typer.Argument(help="Any address of the account.")]


@app.command(epilog="Example: mailgate account show theo.david@ent.example.org")
def show(context: typer.Context, address: Address, *, json: Json = False) -> None:
    """Show an account: who it is, its addresses, its lists, its mail."""
    found = run(in_transaction(settings_of(context), lambda connection: _describe(connection, address)))
    if json:
        print_json(found)
        return
    for key, value in found.items():
        lines = value if isinstance(value, list) else [str(value)]
        for number, line in enumerate(lines):
            console.print(f"{'' if number else key:12} {line}")


@app.command(epilog="Example: mailgate account add copieur@ent.example.org --name 'Copieur du CDI'")
def add(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="Its address, which nobody ever had.")],
    name: Annotated[str, typer.Option(help="What people see.")],
    *,
    ask_password: Annotated[bool, typer.Option("--ask-password", help="Choose the password now.")] = False,
    json: Json = False,
) -> None:
    """Add an account that is in no directory (a printer, PRONOTE, a functional address)."""
    address = address.strip().lower()
    chosen = None
    if ask_password:
        chosen = check_policy(typer.prompt("Password", hide_input=True, confirmation_prompt=True), [address])
    try:
        _make(context, [CsvAccount(1, address, check_label(name), chosen)], json=json)
    except CsvRejected as error:
        raise CommandFailed(error.errors[0].text) from error


@app.command("import", epilog="Example: mailgate account import accounts.csv --json > made.json")
def import_(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="CSV with the columns address, label and, if wanted, password, profile, school.")
    ],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file, and make nothing.")] = False,
    json: Json = False,
) -> None:
    """Add the accounts of a CSV file, all or none; a line without a password gets an app password."""
    _make(context, parse_accounts(file.read_bytes()), json=json, dry_run=dry_run)


def _make(context: typer.Context, wanted: list[CsvAccount], *, json: bool, dry_run: bool = False) -> None:
    settings = settings_of(context)

    def work(connection: Connection) -> list[MadeAccount]:
        return import_accounts(connection, wanted, quota_limit=settings.accounts.quota)

    made = apply(settings, work, dry_run=dry_run, upgrade=True)
    if json:
        # What a dry run made opens nothing.
        passwords = [None if dry_run else one.password for one in made]
        shown = zip(made, passwords, strict=True)
        print_json([{"address": one.address, "label": one.label, "password": word} for one, word in shown])
    elif dry_run:
        console.print(f"{len(made)} accounts would be made.")
    else:
        rows = [(one.address, one.label, one.password or "as chosen") for one in made]
        print_table("Address", "Label", "Password, shown only now", rows=rows)


@app.command(epilog="Example: mailgate account suspend theo.david@ent.example.org")
def suspend(context: typer.Context, address: Address) -> None:
    """Refuse sign-in and new mail; what the mailboxes hold stays."""
    _change_state(context, address, "suspended")


@app.command(epilog="Example: mailgate account resume theo.david@ent.example.org")
def resume(context: typer.Context, address: Address) -> None:
    """Allow sign-in and mail again."""
    _change_state(context, address, "active")


@password.command("new", epilog="Example: mailgate account password new theo.david@ent.example.org --label Téléphone")
def new(
    context: typer.Context,
    address: Address,
    label: Annotated[str, typer.Option(help="Which device or program it is for.")] = "app",
    *,
    json: Json = False,
) -> None:
    """Make an app password and show it, for the only time."""
    settings = settings_of(context)
    made = run(_new_password(settings, _account_id(settings, address), label))
    if json:
        print_json({"address": address.lower(), "label": label, "password": made})
    else:
        console.print(made)


@password.command("list", epilog="Example: mailgate account password list theo.david@ent.example.org")
def list_passwords(context: typer.Context, address: Address, *, json: Json = False) -> None:
    """List an account's app passwords: label, dates, last use. The passwords themselves cannot be shown again."""
    settings = settings_of(context)
    account_id = _account_id(settings, address)

    async def work() -> list[Any]:
        async with accounts(settings) as care:
            return list(await care.list_app_passwords(account_id))

    found = run(work())
    if json:
        print_json(found)
        return
    print_table(
        "Number",
        "Label",
        "Made",
        "Last use",
        "Revoked",
        rows=[
            (str(one.password_id), one.label, _day(one.created_at), _day(one.last_used_at), _day(one.revoked_at))
            for one in found
        ],
    )


@password.command("revoke", epilog="Example: mailgate account password revoke theo.david@ent.example.org 2")
def revoke(
    context: typer.Context, address: Address, number: Annotated[int, typer.Argument(help="Its number in the list.")]
) -> None:
    """Revoke an app password: the next sign-in with it fails."""
    settings = settings_of(context)
    account_id = _account_id(settings, address)

    async def work() -> bool:
        async with accounts(settings) as care:
            return await care.revoke_app_password(account_id, number)

    if not run(work()):
        raise CommandFailed(f"{address} has no app password {number} in use")
    console.print("Revoked.")


@password.command("set", epilog="Example: mailgate account password set theo.david@ent.example.org")
def set_(
    context: typer.Context,
    address: Address,
    chosen: Annotated[
        str, typer.Option("--password", prompt=True, hide_input=True, confirmation_prompt=True, envvar="NEW_PASSWORD")
    ],
) -> None:
    """Set the password that a person chose; asked for, or read from the variable NEW_PASSWORD."""
    settings = settings_of(context)
    account_id = _account_id(settings, address)

    async def work() -> None:
        async with accounts(settings) as care:
            await care.set_password(account_id, chosen)

    run(work())
    console.print("The password is set.")


async def _new_password(settings: Settings, account_id: int, label: str) -> str:
    async with accounts(settings) as care:
        return await care.create_app_password(account_id, label)


def _person(connection: Connection, address: str) -> Row[int, str, str, str, str, bool]:
    row = connection.execute(PERSON_BY_ADDRESS, {"address": address.strip().lower()}).first()
    if row is None:
        raise CommandFailed(f"there is no account {address}")
    return row


def _account_id(settings: Settings, address: str) -> int:
    found: int = run(in_transaction(settings, lambda connection: _person(connection, address).person_id))
    return found


def _change_state(context: typer.Context, address: str, state: State) -> None:
    def work(connection: Connection) -> None:
        set_state(connection, [_person(connection, address).person_id], state)

    apply(settings_of(context), work)
    console.print(f"{address.lower()} is {state}.")


def _describe(connection: Connection, address: str) -> dict[str, Any]:
    row = _person(connection, address)
    by_person = {"person_id": row.person_id}
    found = connection.execute(
        select(account.c.state, account.c.quota_limit).where(account.c.account_id == row.person_id)
    ).first()
    state, quota = found or ("purged", 0)
    boxes = connection.execute(
        select(mailbox.c.name, mailbox.c.messages, mailbox.c.unseen, mailbox.c.size)
        .where(mailbox.c.account_id == row.person_id)
        .order_by(mailbox.c.mailbox_id)
    ).all()
    return {
        "account": row.person_id,
        "name": row.display,
        "profile": row.profile,
        "state": state,
        "addresses": [one.address for one in connection.execute(ADDRESSES_OF_PERSON, by_person)],
        "lists": [one.address for one in connection.execute(LISTS_OF_PERSON, by_person)],
        "mailboxes": [f"{box.name} ({box.messages})" for box in boxes],
        "used": sum(box.size for box in boxes),
        "quota": quota,
    }


def _day(seconds: int | None) -> str:
    if seconds is None:
        return ""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).astimezone().strftime("%Y-%m-%d %H:%M")
