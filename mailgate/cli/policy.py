"""`mailgate policy`: who may write to whom, the shipped matrix and what each school changes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, TypeAlias, TypeVar

import typer
from sqlalchemy import BigInteger, Connection, bindparam, select

from directory.exclusions import Exclusion, exclusions
from directory.list_adjustments import day
from directory.queries import PERSON_BY_ADDRESS
from directory.schema import school
from mailgate.cli import limits
from mailgate.cli.context import (
    CommandFailed,
    Json,
    apply,
    console,
    database,
    in_transaction,
    print_json,
    print_table,
    run,
    settings_of,
)
from mailgate.config import Settings
from mailgate.database import Statement, Tx
from mailgate.delivery import recipients
from mailgate.delivery.recipients import ListRecipient, PersonRecipient
from mailgate.policy import cells, matrix
from mailgate.policy.audit import record
from mailgate.policy.explaining import sentence, stop_sentence
from mailgate.policy.matrix import Cell, Cells, Decision, Scope, Verdict, default_cells, describe
from mailgate.policy.schools import school_id_of
from mailgate.policy.stops import Stop, schools_stopped_for, stop_of
from mailgate.policy.targets import OUTSIDE_WRITER, OutsideTarget, Target
from mailgate.policy.writing import may_write

app = typer.Typer(help="Who may write to whom.", no_args_is_help=True)
app.add_typer(limits.app, name="limits")

School = Annotated[str, typer.Argument(metavar="SCHOOL", help="UAI of the school.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]

Wanted: TypeAlias = Callable[[Cells], Mapping[Cell, Verdict | None]]
"""From what a school has changed to what is to be changed of it."""
T = TypeVar("T")

_DEFAULT: Final = "default"
_UAI: Final = Statement(select(school.c.uai).where(school.c.school_id == bindparam("school", type_=BigInteger)))


@app.command(epilog="Example: mailgate policy default > matrix.toml")
def default() -> None:
    """Print the shipped matrix, with what its words mean."""
    console.print(resources.files("mailgate.policy").joinpath("default_matrix.toml").read_text("utf-8"), end="")


@app.command(epilog="Example: mailgate policy show 0135678H --from pupil")
def show(
    context: typer.Context,
    uai: School,
    writer: Annotated[str | None, typer.Option("--from", help="Only cells of this profile.")] = None,
    *,
    changed: Annotated[bool, typer.Option("--changed", help="Only cells that the school changed.")] = False,
    json: Json = False,
) -> None:
    """Show the matrix of a school. What is not in it is refused."""
    own = _do(settings_of(context), lambda connection: cells.cells_of(connection, school_id_of(connection, uai)))
    shown = {**({} if changed else default_cells()), **own}
    rows = [
        (who, to, scope.value, verdict.value, "school" if (who, to, scope) in own else "shipped")
        for (who, to, scope), verdict in sorted(shown.items(), key=_order)
        if writer in {None, who}
    ]
    if json:
        print_json([dict(zip(("from", "to", "scope", "verdict", "by"), row, strict=True)) for row in rows])
    else:
        print_table("From", "To", "Scope", "Verdict", "By", rows=rows)


def _order(item: tuple[Cell, Verdict]) -> tuple[int, int, int]:
    (writer, recipient, scope), _ = item
    return matrix.WRITERS.index(writer), matrix.RECIPIENTS.index(recipient), list(Scope).index(scope)


@app.command("set", epilog="Example: mailgate policy set 0135678H pupil teacher own-school moderate")
def set_(
    context: typer.Context,
    uai: School,
    writer: Annotated[str, typer.Argument(metavar="FROM", help="Profile of the writers.")],
    recipient: Annotated[str, typer.Argument(metavar="TO", help="Profile, or lists as class.parents.")],
    scope: Annotated[str, typer.Argument(help=f"One of {', '.join(Scope)}.")],
    verdict: Annotated[str, typer.Argument(help="allow, moderate, refuse; default: as the shipped matrix has it.")],
    *,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Change one cell for a school."""
    try:
        wanted = None if verdict == _DEFAULT else Verdict(verdict)
        found = {matrix.cell(writer, recipient, scope): wanted}
    except ValueError as error:
        raise CommandFailed(str(error)) from error
    _change(settings_of(context), uai, lambda _: found, dry_run=dry_run, json=json)


@app.command(epilog="Example: mailgate policy load 0135678H our-matrix.toml --dry-run")
def load(
    context: typer.Context,
    uai: School,
    file: Annotated[Path, typer.Argument(help="Cells as `mailgate policy default` prints them.")],
    *,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make a file the whole of what a school changes: cells that it does not name are as shipped."""
    try:
        wanted = matrix.parse(file.read_text("utf-8"))
    except (UnicodeDecodeError, matrix.MatrixError) as error:
        raise CommandFailed(f"{file}: {error}") from error
    _change(settings_of(context), uai, lambda own: cells.differences(own, wanted), dry_run=dry_run, json=json)


@app.command(epilog="Example: mailgate policy export 0135678H > our-matrix.toml")
def export(context: typer.Context, uai: School) -> None:
    """Print what a school changed, as a file for `load`."""
    own = _do(settings_of(context), lambda connection: cells.cells_of(connection, school_id_of(connection, uai)))
    console.print(cells.as_toml(own, uai.upper()), end="")


@app.command(epilog="Example: mailgate policy explain lea.martin@ent.example.org 6eme-a.profs@clg-x.ent.example.org")
def explain(
    context: typer.Context,
    sender: Annotated[str, typer.Argument(metavar="FROM", help="Address of the writer, who may be outside.")],
    to: Annotated[str, typer.Argument(metavar="TO", help="Address of a person or a list, or one outside.")],
    *,
    json: Json = False,
) -> None:
    """Say whether one may write to another, and by which rule."""
    settings = settings_of(context)
    decision, uai, stop = run(_explain(settings, sender, to))
    excluded = run(in_transaction(settings, lambda connection: _exclusions(connection, sender, to)))
    if json:
        found = {"from": decision.writer, "to": decision.recipient, "scope": decision.scope, "school": uai}
        held = None if stop is None else {"id": str(stop.stop_id), "effect": stop.verdict, "ends_at": stop.ends_at}
        more = {"stop": held, "exclusions": [one._asdict() for one in excluded]}
        print_json({"verdict": decision.verdict, **found, "changed_by_school": decision.overridden, **more})
        return
    console.print(sentence(decision, uai))
    if stop is not None:
        console.print(stop_sentence(stop, settings.gateway.zone()))
    for one in excluded:
        told = f"{one.guardian} <{one.address}> is excluded for {one.target} by {one.actor} on {day(one.at)}"
        console.print(f"{told}: {one.reason}")


def _exclusions(connection: Connection, *addresses: str) -> list[Exclusion]:
    """What excludes one of these people as a guardian, and so from what they would have in common with others."""
    rows = (connection.execute(PERSON_BY_ADDRESS, {"address": one.strip().lower()}).first() for one in addresses)
    return [found for row in rows if row is not None for found in exclusions(connection, row.person_id)]


async def _explain(settings: Settings, sender: str, to: str) -> tuple[Decision, str | None, Stop | None]:
    async def work(tx: Tx) -> tuple[Decision, str | None, Stop | None]:
        writer = await _writer(tx, settings, sender)
        target = await _target(tx, settings, to)
        if writer == OUTSIDE_WRITER and isinstance(target, OutsideTarget):
            raise CommandFailed(f"neither {sender} nor {to} is here")
        decision = await may_write(tx, writer, target)
        row = None if decision.school_id is None else await tx.one(_UAI, school=decision.school_id)
        return decision, row[0] if row else None, await _stop(tx, writer, to)

    async with database(settings) as opened:
        return await opened.read(work)


async def _stop(tx: Tx, sender: int, to: str) -> Stop | None:
    found = await recipients.resolve(tx, to)
    if isinstance(found, PersonRecipient) and sender == OUTSIDE_WRITER:
        return await stop_of(tx, sender, list_schools=await schools_stopped_for(tx, found.account_id))
    if not isinstance(found, ListRecipient):
        return await stop_of(tx, sender)
    schools = [] if found.target.school_id is None else [found.target.school_id]
    return await stop_of(tx, sender, lists=[found.list_id], list_schools=schools)


async def _writer(tx: Tx, settings: Settings, sender: str) -> int:
    found = await recipients.resolve(tx, sender)
    if isinstance(found, PersonRecipient):
        return found.account_id
    if found is not None or "@" not in sender or settings.directory.holds(sender):
        raise CommandFailed(f"nobody has the address {sender}")
    return OUTSIDE_WRITER


async def _target(tx: Tx, settings: Settings, to: str) -> Target:
    match await recipients.resolve(tx, to):
        case PersonRecipient(target=person):
            return person
        case ListRecipient(target=list_):
            return list_
    if settings.directory.holds(to):
        raise CommandFailed(f"nobody has the address {to}")
    return OutsideTarget()


def _change(settings: Settings, uai: str, wanted: Wanted, *, dry_run: bool, json: bool) -> None:
    def work(connection: Connection) -> list[tuple[Cell, Verdict | None, Verdict | None]]:
        school_id = school_id_of(connection, uai)
        own = cells.cells_of(connection, school_id)
        changed = {cell: verdict for cell, verdict in wanted(own).items() if own.get(cell) is not verdict}
        cells.change(connection, school_id, changed)
        for cell, verdict in changed.items():
            record(connection, "policy set", uai.upper(), f"{describe(cell)}: {verdict or _DEFAULT}")
        return [(cell, own.get(cell), verdict) for cell, verdict in changed.items()]

    changes = apply(settings, work, dry_run=dry_run)
    rows = [(describe(cell), before or _DEFAULT, after or _DEFAULT) for cell, before, after in changes]
    if json:
        print_json([dict(zip(("cell", "before", "after"), row, strict=True)) for row in rows])
    else:
        print_table("Cell", "Before", "After", rows=rows)


def _do(settings: Settings, work: Callable[[Connection], T]) -> T:
    return run(in_transaction(settings, work))
