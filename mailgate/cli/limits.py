"""`mailgate policy limits`: how much people of each profile may send."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from sqlalchemy import Connection

from mailgate.cli.context import (
    DryRun,
    Json,
    apply,
    in_transaction,
    print_json,
    print_table,
    run,
    settings_of,
)
from mailgate.policy import limits
from mailgate.policy.audit import record
from mailgate.policy.schools import school_id_of

app = typer.Typer(help="How much people of each profile may send.", no_args_is_help=True)

School = Annotated[str, typer.Argument(metavar="SCHOOL", help="UAI of the school.")]
_DEFAULT = "default"


@app.command(epilog="Example: mailgate policy limits show 0135678H")
def show(context: typer.Context, uai: School, *, json: Json = False) -> None:
    """Show the limits of a school."""
    changed = run(
        in_transaction(
            settings_of(context), lambda connection: limits.changed_by(connection, school_id_of(connection, uai))
        )
    )
    rows = [
        (profile, name, limits.shown(value), "school" if name in changed.get(profile, {}) else "shipped")
        for profile in limits.DEFAULTS
        for name, value in msgspec.structs.asdict(limits.effective(profile, [changed.get(profile, {})])).items()
    ]
    if json:
        print_json([dict(zip(("profile", "name", "value", "by"), row, strict=True)) for row in rows])
    else:
        print_table("Profile", "Limit", "Value", "By", rows=rows)


@app.command("set", epilog="Example: mailgate policy limits set 0135678H pupil recipients_per_hour 200")
def set_(
    context: typer.Context,
    uai: School,
    profile: Annotated[str, typer.Argument(help=f"One of {', '.join(limits.DEFAULTS)}.")],
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(limits.NAMES)}.")],
    value: Annotated[str, typer.Argument(help=f"A number (octets for a size), {limits.UNLIMITED}, or {_DEFAULT}.")],
    *,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Change a limit for people of a school. Who belongs to several schools has the most generous limit of them."""

    def work(connection: Connection) -> dict[str, str]:
        school_id = school_id_of(connection, uai)
        before = limits.changed_by(connection, school_id).get(profile, {})
        limits.change(connection, school_id, profile, name, None if value == _DEFAULT else value)
        record(connection, "policy limits set", uai.upper(), f"{profile} {name}: {value}")
        was = limits.shown(before[name]) if name in before else _DEFAULT
        return {"profile": profile, "name": name, "before": was, "after": value}

    settings = settings_of(context)
    changed = apply(settings, work, dry_run=dry_run)
    if json:
        print_json(changed)
    else:
        print_table("Profile", "Limit", "Before", "After", rows=[tuple(changed.values())])
