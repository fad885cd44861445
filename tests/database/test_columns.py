"""A column as one value comes back row by row, whatever octets and numbers it holds, on both engines."""

from __future__ import annotations

from sqlalchemy import LargeBinary, literal, select

from mailgate.database import Database, Statement, Tx
from mailgate.database.columns import cut_up, end_to_end, numbers, pieces, unpack
from tests.database.tables import letter
from tests.database.test_bulk import ADD_ROWS

_each = select(letter.c.id, letter.c.digest).order_by(letter.c.id).subquery("each")
COLUMNS = Statement(select(numbers(_each.c.id), *pieces(_each.c.digest), end_to_end(literal(b"\0\xff", LargeBinary))))
OCTETS = (b"\xff\xfe", None, b"", b"a\0b", bytes(range(256)), "é".encode(), None, b"\0", b"end")


async def test_octets_and_numbers_come_back_row_by_row(database: Database) -> None:
    ids = [-(2**63), -1, 0, 1, 2, 2**31, 2**32, 2**53 + 1, 2**63 - 1]

    async def work(tx: Tx) -> None:
        await tx.run(ADD_ROWS, fresh=[(id_, octets, None, None) for id_, octets in zip(ids, OCTETS, strict=True)])

    await database.write(work)
    row = await database.read(lambda tx: tx.one(COLUMNS), brief=False)
    assert row is not None
    uids, octets, lengths, ends = row
    assert list(unpack(uids)) == ids
    assert tuple(cut_up(octets, lengths)) == OCTETS
    assert ends == b"\0\xff" * len(ids)


async def test_no_row_is_no_value(database: Database) -> None:
    row = await database.read(lambda tx: tx.one(COLUMNS))
    assert row is not None
    uids, octets, lengths, ends = row
    assert not unpack(uids)
    assert cut_up(octets, lengths) == []
    assert ends is None
