"""`mailgate directory facts` and `mailgate directory differences`: who says what, and who disagrees."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy import Connection, select

from directory.differences import ADVICE, Difference, differences
from directory.facts import Fact, Number, facts_of, numbers_of
from directory.queries import PERSON_BY_ADDRESS
from directory.schema import school as schools
from mailgate.cli.context import CommandFailed, Json, console, in_transaction, print_json, print_table, run, settings_of


def facts(
    context: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="An address of a person.")],
    *,
    json: Json = False,
) -> None:
    """Show what the directory says of a person, and which source says it."""

    def work(connection: Connection) -> tuple[str, list[Fact], list[Number]]:
        row = connection.execute(PERSON_BY_ADDRESS, {"address": address.strip().lower()}).first()
        if row is None:
            raise CommandFailed(f"{address} is nobody's address")
        return row.display, facts_of(connection, row.person_id), numbers_of(connection, row.person_id)

    display, found, numbers = run(in_transaction(settings_of(context), work))
    if json:
        known = [one._asdict() for one in numbers]
        print_json({"person": display, "facts": [one._asdict() for one in found], "numbers": known})
        return
    print_table("Fact", "What", "Source", rows=list(found))
    for one in numbers:
        console.print(f"known as {one.number} in {one.space}")


def show_differences(
    context: typer.Context,
    *,
    school: Annotated[
        str | None, typer.Option("--school", metavar="UAI", help="Of this school only; default: all.")
    ] = None,
    json: Json = False,
) -> None:
    """Show where sources disagreed at the last import: divisions, groups, teachers, pupils, names."""

    def work(connection: Connection) -> list[Difference]:
        uai = school.upper() if school else None
        if uai and connection.scalar(select(schools.c.school_id).where(schools.c.uai == uai)) is None:
            raise CommandFailed(f"no school has the code {uai}")
        return differences(connection, uai)

    found = run(in_transaction(settings_of(context), work))
    if json:
        print_json([one._asdict() for one in found])
        return
    if not found:
        console.print("The sources agree.")
        return
    print_table("School", "Kind", "Difference", rows=[(one.uai, one.kind, str(one)) for one in found])
    console.print(ADVICE)
