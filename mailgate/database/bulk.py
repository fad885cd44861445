"""Many values in one parameter: arrays on PostgreSQL, one JSON document (and one BLOB for bytes) on SQLite.

SQLite's JSON knows no bytes, so those travel end to end in a second parameter; the document says where each starts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from sqlalchemy import ARRAY, BindParameter, ColumnElement, LargeBinary, Text, column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeEngine

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.sql.selectable import TableValuedAlias

Column: TypeAlias = Sequence[Any]
Spread: TypeAlias = Callable[[Any], dict[str, object]]
"""From the value that the caller gives to the values of the driver's parameters, by name."""

_INT64 = 2**63
_JSON_SAFE = frozenset({int, bool, float, str, type(None)})
_NUL = b"\\u0000"


class Derived(BindParameter[Any]):
    """A parameter of the driver that is worked out from the parameter `source` of the statement."""

    inherit_cache = True

    def __init__(self, name: str, type_: TypeEngine[Any], source: str, spread: Spread) -> None:
        super().__init__(name, None, type_=type_)
        self.source = source
        self.spread = spread


class _Member(ColumnElement[bool]):
    inherit_cache = False

    def __init__(self, element: ColumnElement[Any], name: str) -> None:
        self.element = element
        self.name = name


class _Rows(FunctionElement[Any]):
    inherit_cache = False
    name = "rows"

    def __init__(self, parameter: str, types: dict[str, TypeEngine[Any]]) -> None:
        super().__init__()
        self.parameter = parameter
        self.types = types


def member(element: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Give the condition that `element` is one of the values in the parameter `name`, a collection of any size.

    The values are of the column's own type: integers, text or bytes.
    """
    if isinstance(element.type, NullType):
        raise TypeError(f"member({element}) needs a column with a type")
    return _Member(element, name)


def rows(name: str, **types: TypeEngine[Any] | type[TypeEngine[Any]]) -> TableValuedAlias:
    """Give a FROM element of typed columns, fed from the parameter `name`: a collection of tuples in that order.

    fresh = rows("fresh", account_id=BigInteger, uid=BigInteger, digest=LargeBinary)
    insert(copy).from_select(["account_id", "uid", "digest"], select(fresh))
    update(box).where(box.c.id == fresh.c.box_id).values(uidnext=fresh.c.uidnext)
    """
    made = {key: value() if isinstance(value, type) else value for key, value in types.items()}
    return _Rows(name, made).table_valued(*(column(key, type_) for key, type_ in made.items()), name=name)


@compiles(_Member, "postgresql")
def _member_postgresql(element: _Member, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    types = [element.element.type]
    array = _arrays([element.name], types, element.name, compiler.dialect, _single)[0]
    return f"{compiler.process(element.element, **options)} = ANY({compiler.process(array)})"


@compiles(_Rows, "postgresql")
def _rows_postgresql(element: _Rows, compiler: SQLCompiler, **_: object) -> str:
    names = [f"{element.parameter}__{key}" for key in element.types]
    arrays = _arrays(names, list(element.types.values()), element.parameter, compiler.dialect, _transposed)
    columns = ", ".join(map(compiler.preparer.quote, element.types))
    return f"(SELECT * FROM unnest({', '.join(map(compiler.process, arrays))}) AS _({columns}))"  # noqa: S608 names only, no values


@compiles(_Member, "sqlite")
def _member_sqlite(element: _Member, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    cells, document = _document([element.element.type], element.name, compiler, _single)
    return f"{compiler.process(element.element, **options)} IN (SELECT {cells[0]} FROM json_each({document}))"  # noqa: S608 names only, no values


@compiles(_Rows, "sqlite")
def _rows_sqlite(element: _Rows, compiler: SQLCompiler, **_: object) -> str:
    cells, document = _document(list(element.types.values()), element.parameter, compiler, _transposed)
    named = zip(cells, map(compiler.preparer.quote, element.types), strict=True)
    return f"(SELECT {', '.join(f'{cell} AS {key}' for cell, key in named)} FROM json_each({document}))"  # noqa: S608 names only, no values


def _single(values: Iterable[Any], _: int) -> list[Column]:
    return [list(values)]


def _transposed(values: Collection[Sequence[Any]], width: int) -> list[Column]:
    columns: list[Column] = list(zip(*values, strict=True))
    if columns and len(columns) != width:
        raise TypeError(f"rows of {len(columns)} values were given, {width} are wanted")
    return columns or [()] * width


def _processors(types: Sequence[TypeEngine[Any]], dialect: Dialect) -> list[Callable[[Any], Any] | None]:
    return [type_.dialect_impl(dialect).bind_processor(dialect) for type_ in types]


def _processed(columns: list[Column], processors: Sequence[Callable[[Any], Any] | None]) -> list[Column]:
    return [
        values if process is None else [process(value) for value in values]
        for values, process in zip(columns, processors, strict=True)
    ]


def _arrays(
    names: Sequence[str],
    types: Sequence[TypeEngine[Any]],
    source: str,
    dialect: Dialect,
    split: Callable[[Any, int], list[Column]],
) -> list[Derived]:
    processors = _processors(types, dialect)

    def spread(values: Collection[Any]) -> dict[str, object]:
        return dict(zip(names, _processed(split(values, len(types)), processors), strict=True))

    return [Derived(name, ARRAY(type_), source, spread) for name, type_ in zip(names, types, strict=True)]


def _document(
    types: Sequence[TypeEngine[Any]],
    source: str,
    compiler: SQLCompiler,
    split: Callable[[Any, int], list[Column]],
) -> tuple[list[str], str]:
    """Give the SQL of each column's cell, and of the document that json_each() walks."""
    dialect = compiler.dialect
    processors = _processors(types, dialect)
    binary = [isinstance(type_.dialect_impl(dialect), LargeBinary) for type_ in types]
    text_name, bytes_name = f"{source}__json", f"{source}__bytes"

    def spread(values: Collection[Any]) -> dict[str, object]:
        text, heap = _packed(_processed(split(values, len(types)), processors), binary)
        return {text_name: text, bytes_name: heap}

    document = compiler.process(Derived(text_name, Text(), source, spread))
    heap = Derived(bytes_name, LargeBinary(), source, spread)
    cells: list[str] = []
    index = 0
    for is_binary in binary:
        if is_binary:
            cells.append(f"substr({compiler.process(heap)}, value ->> {index}, value ->> {index + 1})")
        else:
            cells.append(f"value ->> {index}")
        index += 2 if is_binary else 1
    return cells, document


def _packed(columns: list[Column], binary: Sequence[bool]) -> tuple[str, bytes]:
    heap = [b"\0"]  # substr() of an empty BLOB would be NULL
    end = 1
    cells: list[Column] = []
    for values, is_binary in zip(columns, binary, strict=True):
        if is_binary:
            lengths = [None if value is None else len(value) for value in values]
            starts = list(accumulate((length or 0 for length in lengths), initial=end))
            end = starts.pop()
            heap.extend(value for value in values if value)
            cells += [[start + 1 for start in starts], lengths]
        else:
            _check(values)
            cells.append(values)
    text = msgspec.json.encode(list(zip(*cells, strict=True)))
    if _NUL in text and any("\0" in value for values in cells for value in values if isinstance(value, str)):
        raise ValueError("a text value holds a NUL character")
    return text.decode(), b"".join(heap)


def _check(values: Column) -> None:
    """Refuse what JSON would change on the way."""
    kinds = set(map(type, values))
    if not kinds <= _JSON_SAFE:
        raise TypeError(f"values of type {', '.join(sorted(kind.__name__ for kind in kinds - _JSON_SAFE))}")
    if int in kinds:
        whole = [value for value in values if value is not None]
        if max(whole) >= _INT64 or min(whole) < -_INT64:
            raise OverflowError("an integer is beyond 64 bits")
