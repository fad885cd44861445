"""`mailgate statistics`: how much the gateway is used, by month."""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Annotated, Final

import typer
from sqlalchemy import Text, bindparam, select

from directory.schema import school as school_table
from mailgate.cli.context import CommandFailed, Json, console, database, print_json, print_table, run, settings_of
from mailgate.config import Settings
from mailgate.database import Statement, Tx
from mailgate.statistics import counts, months
from mailgate.statistics.activated import counts_now
from mailgate.statistics.messages import fold
from mailgate.statistics.report import MEASURES, By, Line, table

_SCHOOL: Final = Statement(
    select(school_table.c.school_id).where(school_table.c.uai == bindparam("uai", type_=Text))
)  # fmt: skip

Month = Annotated[str | None, typer.Option("--month", metavar="YYYY-MM", help="Of one month; default: this one.")]
From = Annotated[str | None, typer.Option("--from", metavar="YYYY-MM", help="Of this month and those after it.")]
To = Annotated[str | None, typer.Option("--to", metavar="YYYY-MM", help="With --from: the last month.")]
School = Annotated[str | None, typer.Option("--school", metavar="UAI", help="Of one school; default: all together.")]


def statistics(
    context: typer.Context,
    *,
    month: Month = None,
    first: From = None,
    last: To = None,
    school: School = None,
    by: Annotated[By, typer.Option("--by", help="What the lines are.")] = By.PROFILE,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write a file for a spreadsheet.")] = None,
    json: Json = False,
) -> None:
    """Show how much the gateway is used, by month: accounts, sign-ins, messages.

    Counts only, of which small ones are hidden: nothing tells of a person.
    """
    settings = settings_of(context)
    now = time.time()
    span = _span(month, first, last, months.month_of(now, settings.gateway.zone()))
    uai = None if school is None else school.strip().upper()
    found = run(_counts(settings, span, uai, now))
    lines = table(found, by, uai, settings.statistics.smallest)
    heads = ("month", by.value, *MEASURES[by])
    if csv_file is not None:
        _write(csv_file, heads, lines)
    if json:
        print_json([dict(zip(heads, (line.month, line.group, *line.numbers), strict=True)) for line in lines])
    elif csv_file is None:
        _print(heads, lines)


def _span(month: str | None, first: str | None, last: str | None, now: int) -> tuple[int, int]:
    """The first and the last month that are asked for. Raises BadParameter."""
    if month is not None and (first is not None or last is not None):
        raise typer.BadParameter("--month does not go with --from and --to")
    if last is not None and first is None:
        raise typer.BadParameter("--to needs --from")
    try:
        begin = now if month is first is None else months.parse(month or first or "")
        end = begin if first is None else now if last is None else months.parse(last)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if end < begin:
        raise typer.BadParameter("the last month is before the first")
    return begin, end


async def _counts(settings: Settings, span: tuple[int, int], uai: str | None, now: float) -> counts.Counts:
    """The numbers of these months; those of accounts, for the month that is not over, are today's."""
    zone = settings.gateway.zone()
    this_month = months.month_of(now, zone)

    async def read(tx: Tx) -> counts.Counts:
        if uai is not None and await tx.one(_SCHOOL, uai=uai) is None:
            raise CommandFailed(f"no school has the code {uai}")
        found = await counts.read(tx, *span)
        if span[0] <= this_month <= span[1]:
            found.update(await counts_now(tx, this_month))
        return found

    async with database(settings) as opened:
        await fold(opened, zone, now)
        return await opened.read(read)


def _write(path: Path, heads: tuple[str, ...], lines: list[Line]) -> None:
    """With a byte order mark and semicolons: so a spreadsheet that speaks French opens it as a table."""
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out, delimiter=";")
        writer.writerow(heads)
        writer.writerows((line.month, line.group, *line.numbers) for line in lines)


def _print(heads: tuple[str, ...], lines: list[Line]) -> None:
    if not lines:
        console.print("Nothing was counted.")
        return
    rows = [(line.month, line.group, *map(str, line.numbers)) for line in lines]
    print_table(*(head.capitalize().replace("_", "-") for head in heads), rows=rows)
