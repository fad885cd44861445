"""A column of many rows as one value.

The driver then makes one object in the place of one for each row, and SQLite works through all rows in one step, during
which other threads run Python. All values of one SELECT are in the same order, which is that of its FROM.
"""

from __future__ import annotations

import sys
from array import array
from itertools import accumulate
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, LargeBinary, func, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

_NUMBERS: Final = msgspec.json.Decoder(list[int])


class end_to_end(FunctionElement[bytes]):  # noqa: N801 it reads as a function
    """All octets of a column, end to end; NULL counts as none, and None is the value where there is no row."""

    type = LargeBinary()
    inherit_cache = True
    name = "end_to_end"


class numbers(FunctionElement[Any]):  # noqa: N801 it reads as a function
    """All integers of a column, for `unpack`. No value may be NULL."""

    type = LargeBinary()
    inherit_cache = True
    name = "numbers"


def unpack(value: bytes | str | None) -> array[int]:
    """What `numbers` gave."""
    if isinstance(value, str):
        return array("q", _NUMBERS.decode(value))
    found = array("q", value or b"")
    if sys.byteorder == "little":
        found.byteswap()
    return found


def pieces(column: ColumnElement[bytes]) -> tuple[end_to_end, numbers]:
    """Two values for `cut_up`: the octets of all rows, some of which may be NULL."""
    return end_to_end(column), numbers(func.coalesce(func.length(column), literal_column("-1")))


def cut_up(octets: bytes | None, lengths: bytes | str | None) -> list[Any]:
    """What `pieces` gave, row by row: octets, or None."""
    sizes, whole = unpack(lengths), octets or b""
    if -1 in sizes:
        ends = accumulate(max(size, 0) for size in sizes)
        return [None if size < 0 else whole[end - size : end] for size, end in zip(sizes, ends, strict=True)]
    return [whole[end - size : end] for size, end in zip(sizes, accumulate(sizes), strict=True)]


@compiles(end_to_end, "postgresql")
def _end_to_end_postgresql(element: end_to_end, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return f"string_agg({compiler.process(element.clauses, **options)}, ''::bytea)"


@compiles(end_to_end, "sqlite")
def _end_to_end_sqlite(element: end_to_end, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    # group_concat copies octets as they are, though it calls them text
    return f"CAST(group_concat({compiler.process(element.clauses, **options)}, '') AS BLOB)"


@compiles(numbers, "postgresql")
def _numbers_postgresql(element: numbers, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return f"string_agg(int8send({compiler.process(element.clauses, **options)}), ''::bytea)"


@compiles(numbers, "sqlite")
def _numbers_sqlite(element: numbers, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return f"json_group_array({compiler.process(element.clauses, **options)})"
