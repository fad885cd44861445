"""After a loss of power: UIDs and modification sequences that somebody may have seen are not given again (SQLite).

Commits are visible some milliseconds before they are on disk, those of flags a second before. What the loss takes back
was answered to nobody, but may have been read. The file remembers in which run of the machine a gateway serves it; when
that run has ended and the gateway had not, all numbers go on beyond any that can have been seen.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Text, bindparam, delete, select, update

from mailgate.database import Database, Statement, Tx
from mailgate.database.statement import insert
from mailgate.store.schema import mailbox, serving

UIDS: Final = 1_000
MODSEQS: Final = 100_000
"""More than one mailbox is given in a second."""
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")

_FIND: Final = Statement(select(serving.c.boot_id))
_SKIP: Final = Statement(
    update(mailbox).values(uidnext=mailbox.c.uidnext + UIDS, highestmodseq=mailbox.c.highestmodseq + MODSEQS)
)
_FORGET: Final = Statement(delete(serving))
_NOTE: Final = Statement(insert(serving).values(boot_id=bindparam("boot_id", type_=Text)))


def boot_id() -> str:
    """Of the run of the machine since it was started; empty where the system does not tell."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""


async def begin(database: Database, boot: str) -> bool:
    """A gateway begins to serve; whether the machine lost power under the one before. PostgreSQL needs none of it: what
    is visible there is on disk.
    """
    if database.engine == "postgresql" or not boot:
        return False

    async def work(tx: Tx) -> bool:
        before = {row[0] for row in await tx.all(_FIND)}
        lost = bool(before - {boot})
        if lost:
            await tx.run(_SKIP)
        await tx.run(_FORGET)
        await tx.run(_NOTE, boot_id=boot)
        return lost

    return await database.write(work, brief=False)


async def end(database: Database) -> None:
    """It has ended in order."""
    if database.engine == "sqlite":
        await database.write(lambda tx: tx.run(_FORGET))
