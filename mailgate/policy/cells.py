"""The cells of the matrix that a school changed: batch work over a plain connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from mailgate.policy.matrix import Cell, Cells, Scope, Verdict
from mailgate.policy.schema import policy_cell

_HEAD: Final = "# The cells of the communication matrix that school {uai} changed: see `mailgate policy default`.\n"


def cells_of(connection: Connection, school_id: int) -> dict[Cell, Verdict]:
    """What a school changed."""
    rows = connection.execute(
        select(policy_cell.c.writer, policy_cell.c.recipient, policy_cell.c.scope, policy_cell.c.verdict)
        .where(policy_cell.c.school_id == school_id)
        .order_by(policy_cell.c.writer, policy_cell.c.recipient, policy_cell.c.scope)
    )
    return {(row.writer, row.recipient, Scope(row.scope)): Verdict(row.verdict) for row in rows}


def change(connection: Connection, school_id: int, cells: Mapping[Cell, Verdict | None]) -> None:
    """Set these cells, or leave them (None) to the shipped matrix again."""
    for (writer, recipient, scope), verdict in cells.items():
        connection.execute(
            delete(policy_cell).where(
                policy_cell.c.school_id == school_id,
                policy_cell.c.writer == writer,
                policy_cell.c.recipient == recipient,
                policy_cell.c.scope == scope,
            )
        )
        if verdict is not None:
            row = {"writer": writer, "recipient": recipient, "scope": scope, "verdict": verdict}
            connection.execute(insert(policy_cell).values(school_id=school_id, **row))


def differences(before: Cells, after: Cells) -> dict[Cell, Verdict | None]:
    """What `change` makes of one to come to the other."""
    changed: dict[Cell, Verdict | None] = dict.fromkeys(before.keys() - after.keys())
    return changed | {cell: verdict for cell, verdict in after.items() if before.get(cell) is not verdict}


def as_toml(cells: Cells, uai: str) -> str:
    """A file that `mailgate.policy.matrix.parse` reads."""
    rows = [
        f'\n[[cells]]\nfrom = ["{writer}"]\nto = ["{recipient}"]\nscope = "{scope}"\nverdict = "{verdict}"\n'
        for (writer, recipient, scope), verdict in cells.items()
    ]
    return _HEAD.format(uai=uai) + "".join(rows)
