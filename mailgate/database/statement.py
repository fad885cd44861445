"""SQLAlchemy Core as the writer of SQL: a statement is compiled once per engine and then runs on the bare driver.

Results are the driver's own values (a boolean is 0 or 1 on SQLite): keep to integers, text, bytes and booleans in hot
tables. Four constructs make one piece of Core serve both engines: `member`, `rows`, `contains` and `insert`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import ClauseElement, Executable, Insert, Select, true
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from mailgate.database.bulk import Derived, contains, member, rows

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect
    from sqlalchemy.sql.compiler import SQLCompiler

    from mailgate.database.contract import Engine

__all__ = ["Plan", "Statement", "contains", "insert", "member", "rows"]

insert = postgresql.insert
"""INSERT with `on_conflict_do_nothing`, `on_conflict_do_update` and `excluded`, on both engines."""

_DIALECTS: dict[str, Dialect] = {"sqlite": SQLiteDialect_pysqlite(), "postgresql": PGDialect_asyncpg()}  # type: ignore[no-untyped-call]
_compiling = threading.RLock()


class Plan:
    """SQL of one engine, and the way from the caller's keyword parameters to the driver's positions."""

    __slots__ = ("_defaults", "_in_order", "_processors", "_spreads", "_wanted", "sql")

    def __init__(self, clause: ClauseElement, dialect: Dialect) -> None:
        compiled: SQLCompiler = clause.compile(dialect=dialect)  # type: ignore[assignment]
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        _refuse_unsupported(compiled)
        state = compiled.construct_expanded_state(dict.fromkeys(n for n, bind in binds.items() if bind.required))
        self.sql = state.statement
        names = tuple(state.positiontup or ())
        self._in_order = _picker(names)
        self._spreads = {(bind.source, bind.spread) for bind in binds.values() if isinstance(bind, Derived)}
        plain = [name for name in names if not isinstance(binds.get(name), Derived)]
        required = {name for name in plain if name in binds and binds[name].required}
        self._defaults = {name: state.parameters[name] for name in plain if name not in required}
        self._wanted = required | {source for source, _ in self._spreads}
        processors: Mapping[str, Any] = {**compiled._bind_processors, **state.processors}  # noqa: SLF001 no public way
        self._processors = {name: processors[name] for name in plain if name in processors}

    def arguments(self, parameters: Mapping[str, object]) -> Sequence[object]:
        """Give the driver's positional arguments.

        Raises:
            TypeError: a parameter is missing or unknown.
        """
        if parameters.keys() != self._wanted:
            self._check(parameters)
        if not (self._defaults or self._spreads or self._processors):
            return self._in_order(parameters)
        values: dict[str, Any] = {**self._defaults, **parameters}
        for source, spread in self._spreads:
            values.update(spread(parameters[source]))
        for name, process in self._processors.items():
            values[name] = process(values[name])
        return self._in_order(values)

    def _check(self, parameters: Mapping[str, object]) -> None:
        if missing := self._wanted - parameters.keys():
            raise TypeError(f"parameters missing: {', '.join(sorted(missing))}; in: {self.sql}")
        if unknown := parameters.keys() - self._wanted - self._defaults.keys():
            raise TypeError(f"parameters unknown: {', '.join(sorted(unknown))}; in: {self.sql}")


class Statement:
    """A Core statement whose `bindparam` names are the keyword parameters of `Tx.all`, `Tx.one` and `Tx.run`.

    A bindparam with a value is optional. Make statements once, at module level.
    """

    __slots__ = ("_clause", "_plans")

    def __init__(self, clause: Executable) -> None:
        self._clause = clause
        self._plans: dict[str, Plan] = {}

    def plan(self, engine: Engine) -> Plan:
        """Give the SQL for `engine`, compiled at the first call.

        Raises:
            ValueError: the clause uses something that only SQLAlchemy's own execution can do.
        """
        plan = self._plans.get(engine)
        if plan is None:
            with _compiling:
                clause = _unambiguous(self._clause) if engine == "sqlite" else self._clause
                plan = self._plans.setdefault(engine, Plan(clause, _DIALECTS[engine]))  # type: ignore[arg-type]
        return plan

    def __repr__(self) -> str:
        return f"Statement({self._clause})"


def _picker(names: Sequence[str]) -> Callable[[Mapping[str, Any]], Sequence[Any]]:
    """What gives the values of these names in their order."""
    return itemgetter(*names) if len(names) > 1 else lambda values: [values[name] for name in names]


def _refuse_unsupported(compiled: SQLCompiler) -> None:
    lists = [bind.key for bind in compiled.post_compile_params if bind.required]
    if lists:
        raise ValueError(f"a list parameter must be written member(column, {lists[0]!r})")
    if prefetch := [*compiled.insert_prefetch, *compiled.update_prefetch]:
        raise ValueError(f"the Python default of {prefetch[0]} would not run: give the value")


def _unambiguous(clause: Executable) -> ClauseElement:
    """SQLite reads the ON of `INSERT .. SELECT .. FROM x ON CONFLICT` as a join unless a WHERE stands between."""
    if isinstance(clause, Insert) and isinstance(clause.select, Select) and clause.select.whereclause is None:
        plain = clause.select
        clause = copy(clause)
        clause.select = plain.where(true())
    return clause  # type: ignore[return-value]
