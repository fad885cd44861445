"""Contents that an account lets go of: what the collector looks at."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects.postgresql import Insert

from mailgate.database.statement import insert
from mailgate.store.schema import entry, names, number, released


def let_go(*of: ColumnElement[bool]) -> Insert:
    """Note the contents of these entries, before they are deleted; takes ``now``, in seconds since the epoch."""
    contents = select(entry.c.account_id, entry.c.message_id, number("now")).where(*of)
    noted = insert(released).from_select(names(released), contents.distinct().order_by(entry.c.message_id))
    return noted.on_conflict_do_update(
        index_elements=[released.c.account_id, released.c.message_id],
        set_={"released_at": noted.excluded.released_at},
    )
