"""Contents that something other than a mailbox needs, as the outbound queue does: the collector leaves them alone."""

from __future__ import annotations

from typing import Final

from sqlalchemy import CTE, BigInteger, BindParameter, ColumnElement, bindparam, delete, literal, select
from sqlalchemy.dialects.postgresql import Insert

from mailgate.database import Statement, Tx
from mailgate.database.statement import insert
from mailgate.store.schema import names, number, released, retained

_NOBODY: Final = 0


def retaining(content: BindParameter[bytes], holder: BindParameter[int]) -> Insert:
    """The same as `retain`, as a part of a statement."""
    return insert(retained).values(message_id=content, holder=holder).on_conflict_do_nothing()


_RETAIN: Final = Statement(retaining(bindparam("message_id"), bindparam("holder")))
_DROP: Final = Statement(
    delete(retained).where(retained.c.message_id == bindparam("content"), retained.c.holder == bindparam("by"))
)


def _noting(noted: Insert) -> Insert:
    """A content that was noted already is noted anew."""
    return noted.on_conflict_do_update(
        index_elements=[released.c.account_id, released.c.message_id],
        set_={"released_at": noted.excluded.released_at},
    )


_noted = insert(released).from_select(
    names(released),
    select(literal(_NOBODY, BigInteger), bindparam("content", type_=released.c.message_id.type), number("now")),
)
_NOTE: Final = Statement(_noting(_noted))


def letting_go(content: ColumnElement[bytes], holder: ColumnElement[int]) -> tuple[CTE, CTE]:
    """The same as `let_go` for rows of a statement, as parts of it, for PostgreSQL."""
    dropped = delete(retained).where(retained.c.message_id == content, retained.c.holder == holder)
    dropped_ids = dropped.returning(retained.c.message_id).cte("let_go")
    rows = select(literal(_NOBODY, BigInteger), dropped_ids.c.message_id, number("now")).distinct()
    noted = insert(released).from_select(names(released), rows.order_by(dropped_ids.c.message_id))
    return dropped_ids, _noting(noted).cte("noted")


async def retain(tx: Tx, content_id: bytes, holder: int) -> None:
    """Keep a content that was written in this transaction, or is held otherwise, for `holder`."""
    await tx.run(_RETAIN, message_id=content_id, holder=holder)


async def let_go(tx: Tx, content_id: bytes, holder: int, now: int) -> None:
    """`holder` needs it no more: it is deleted in time, unless somebody else does."""
    if await tx.run(_DROP, content=content_id, by=holder):
        await tx.run(_NOTE, content=content_id, now=now)
