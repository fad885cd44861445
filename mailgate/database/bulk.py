"""Many values in one parameter: arrays on PostgreSQL, one JSON document (and one BLOB for bytes) on SQLite.

SQLite's JSON knows no bytes, so those travel end to end in a second parameter; the document says where each starts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from sqlalchemy import ARRAY, BindParameter, Boolean, ColumnElement, LargeBinary, Text, column
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
_LENGTH_BITS = 31
_LENGTH_MASK = 2**31 - 1
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

    def __init__(self, element: ColumnElement[Any], name: str, *, dense: bool) -> None:
        self.element = element
        self.name = name
        self.dense = dense


class _Rows(FunctionElement[Any]):
    inherit_cache = False
    name = "rows"

    def __init__(self, parameter: str, types: dict[str, TypeEngine[Any]]) -> None:
        super().__init__()
        self.parameter = parameter
        self.types = types


def member(element: ColumnElement[Any], name: str, *, dense: bool = False) -> ColumnElement[bool]:
    """Give the condition that `element` is one of the values in the parameter `name`, a collection of any size.

    The values are of the column's own type: integers, text or bytes. `dense` tells that they are a good part of those
    that the other conditions select, as UIDs of one mailbox are: PostgreSQL then walks their range with a hash of the
    values at hand. Without it, a planner that takes the mailbox for a small one compares each row with each value.
    """
    if isinstance(element.type, NullType):
        raise TypeError(f"member({element}) needs a column with a type")
    return _Member(element, name, dense=dense)


def rows(name: str, **types: TypeEngine[Any] | type[TypeEngine[Any]]) -> TableValuedAlias:
    """Give a FROM element of typed columns, fed from the parameter `name`: a collection of tuples in that order.

    fresh = rows("fresh", account_id=BigInteger, uid=BigInteger, digest=LargeBinary)
    insert(copy).from_select(["account_id", "uid", "digest"], select(fresh))
    update(box).where(box.c.id == fresh.c.box_id).values(uidnext=fresh.c.uidnext)
    """
    made = {key: value() if isinstance(value, type) else value for key, value in types.items()}
    return _Rows(name, made).table_valued(*(column(key, type_) for key, type_ in made.items()), name=name)


class contains(FunctionElement[bool]):  # noqa: N801 it reads as a function
    """The condition that some octets hold others: ``contains(column, bindparam(…))``."""

    type = Boolean()
    inherit_cache = True
    name = "contains"


@compiles(contains, "postgresql")
def _contains_postgresql(element: contains, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    whole, part = (compiler.process(one, **options) for one in element.clauses)
    return f"position({part} IN {whole}) > 0"


@compiles(contains, "sqlite")
def _contains_sqlite(element: contains, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    whole, part = (compiler.process(one, **options) for one in element.clauses)
    return f"instr({whole}, {part}) > 0"


@compiles(_Member, "postgresql")
def _member_postgresql(element: _Member, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    types = [element.element.type]
    array = compiler.process(_arrays([element.name], types, element.name, compiler.dialect, _single)[0])
    operand = compiler.process(element.element, **options)
    if not element.dense:
        return f"{operand} = ANY({array})"
    least, most = (compiler.process(bound) for bound in _bounds(element.element.type, element.name))
    # IS TRUE keeps the planner from making a join of the subquery: it becomes a hash table, built once.
    return f"({operand} BETWEEN {least} AND {most} AND ({operand} IN (SELECT unnest({array}))) IS TRUE)"


@compiles(_Rows, "postgresql")
def _rows_postgresql(element: _Rows, compiler: SQLCompiler, **_: object) -> str:
    names = [f"{element.parameter}__{key}" for key in element.types]
    arrays = _arrays(names, list(element.types.values()), element.parameter, compiler.dialect, _transposed)
    columns = ", ".join(map(compiler.preparer.quote, element.types))
    return f"(SELECT * FROM unnest({', '.join(map(compiler.process, arrays))}) AS _({columns}))"  # noqa: S608 names only, no values


@compiles(_Member, "sqlite")
def _member_sqlite(element: _Member, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    document, heap, binary = _document([element.element.type], element.name, compiler.dialect, _single)
    cell = _cell("value", compiler.process(heap) if binary[0] else None)
    values = f"SELECT {cell} FROM json_each({compiler.process(document)})"  # noqa: S608 names only, no values
    return f"{compiler.process(element.element, **options)} IN ({values})"


@compiles(_Rows, "sqlite")
def _rows_sqlite(element: _Rows, compiler: SQLCompiler, **_: object) -> str:
    types = list(element.types.values())
    document, heap, binary = _document(types, element.parameter, compiler.dialect, _transposed)
    values = ["value"] if len(types) == 1 else [f"(value ->> {i})" for i in range(len(types))]
    cells = [
        f"{_cell(value, compiler.process(heap) if is_binary else None)} AS {compiler.preparer.quote(key)}"
        for value, key, is_binary in zip(values, element.types, binary, strict=True)
    ]
    return f"(SELECT {', '.join(cells)} FROM json_each({compiler.process(document)}))"  # noqa: S608 names only, no values


def _cell(value: str, heap: str | None) -> str:
    """Give the SQL of a value; that of bytes is its start in the heap, then its length in 31 bits."""
    return value if heap is None else f"substr({heap}, {value} >> {_LENGTH_BITS}, {value} & {_LENGTH_MASK})"


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


def _bounds(type_: TypeEngine[Any], source: str) -> list[Derived]:
    least, most = f"{source}__least", f"{source}__most"

    def spread(values: Collection[Any]) -> dict[str, object]:
        return {least: min(values, default=None), most: max(values, default=None)}

    return [Derived(name, type_, source, spread) for name in (least, most)]


def _document(
    types: Sequence[TypeEngine[Any]],
    source: str,
    dialect: Dialect,
    split: Callable[[Any, int], list[Column]],
) -> tuple[Derived, Derived, list[bool]]:
    """Give the parameter that json_each() walks, that of the bytes, and which columns are bytes."""
    processors = _processors(types, dialect)
    binary = [isinstance(type_.dialect_impl(dialect), LargeBinary) for type_ in types]
    text_name, heap_name = f"{source}__json", f"{source}__bytes"
    flat = len(types) == 1

    def spread(values: Collection[Any]) -> dict[str, object]:
        cells, heap = _heaped(_processed(split(values, len(types)), processors), binary)
        return {text_name: _json(cells, flat=flat), heap_name: heap}

    document = Derived(text_name, Text(), source, spread)
    return document, Derived(heap_name, LargeBinary(), source, spread), binary


def _heaped(columns: list[Column], binary: Sequence[bool]) -> tuple[list[Column], bytes]:
    """Move bytes to one heap."""
    heap = [b"\0"]  # substr() of an empty BLOB would be NULL
    end = 2
    cells: list[Column] = []
    for values, is_binary in zip(columns, binary, strict=True):
        if is_binary:
            starts = list(accumulate((len(value or b"") for value in values), initial=end))
            end = starts.pop()
            heap.extend(value for value in values if value)
            pairs = zip(starts, values, strict=True)
            cells.append([None if value is None else start << _LENGTH_BITS | len(value) for start, value in pairs])
        else:
            cells.append(values)
    return cells, b"".join(heap)


def _json(columns: list[Column], *, flat: bool) -> str:
    for values in columns:
        _check(values)
    text = msgspec.json.encode(columns[0] if flat else list(zip(*columns, strict=True)))
    if _NUL in text and any("\0" in value for values in columns for value in values if isinstance(value, str)):
        raise ValueError("a text value holds a NUL character")
    return text.decode()


def _check(values: Column) -> None:
    """Refuse what JSON would change on the way."""
    kinds = set(map(type, values))
    if not kinds <= _JSON_SAFE:
        raise TypeError(f"values of type {', '.join(sorted(kind.__name__ for kind in kinds - _JSON_SAFE))}")
    if int in kinds:
        whole = [value for value in values if value is not None]
        if max(whole) >= _INT64 or min(whole) < -_INT64:
            raise OverflowError("an integer is beyond 64 bits")
