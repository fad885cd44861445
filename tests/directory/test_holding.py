"""What is held of a source is what it said last, whatever came before; only what differs is written."""

from __future__ import annotations

import dataclasses
import typing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, insert

from directory import holding_schema as schema
from directory import model
from directory.held_forms import FORMS, Item, attributes_item, attributes_of, record_item, records_of
from directory.holding import BATCH, Change, Holding
from directory.readers.aaf import read_aaf
from directory.readers.aaf_records import ATTRIBUTES, KEYS
from tests.directory.academy import DEMO, empty_directory
from tests.directory.conftest import Transaction

ITEMS = st.builds(
    Item, st.sampled_from([4, 5, 14]), st.text("abé$0", min_size=1, max_size=3), st.binary(min_size=1, max_size=2)
)

RECORDS = (*typing.get_args(model.Record), model.Place, model.Link, model.Function, model.Service)


def holding(connection: Connection, source_id: int = 1) -> Holding:
    """An empty holding."""
    empty = {column.name: "" for column in schema.source.c} | {"records": 0, "read_at": 0, "academic": False, "year": 0}
    connection.execute(insert(schema.source).values(empty | {"source_id": source_id, "name": str(source_id)}))
    return Holding(connection, source_id)


def shown(one: Holding) -> dict[tuple[int, str], bytes]:
    return {(item.kind, item.id): item.body for item in one.items()}


@given(
    steps=st.lists(st.tuples(st.sampled_from(["replace", "put", "remove"]), st.lists(ITEMS, max_size=8)), max_size=5)
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_holding_is_what_was_done_to_it(steps: list[tuple[str, list[Item]]]) -> None:
    with empty_directory() as connection:
        one, other = holding(connection), holding(connection, 2)
        other.put([Item(4, "a", b"kept")])
        expected: dict[tuple[int, str], bytes] = {}
        for what, items in steps:
            given_ = {(item.kind, item.id): item.body for item in items}
            before = dict(expected)
            if what == "remove":
                assert one.remove(given_) == len(before.keys() & given_.keys())
                expected = {key: body for key, body in before.items() if key not in given_}
            else:
                change = one.replace(items) if what == "replace" else one.put(items)
                expected = given_ if what == "replace" else before | given_
                assert change.added == len(expected.keys() - before.keys())
                assert change.changed == sum(before[key] != expected[key] for key in before.keys() & expected.keys())
                assert change.removed == len(before.keys() - expected.keys())
            assert shown(one) == expected
            assert one.count() == len(expected)
        assert shown(other) == {(4, "a"): b"kept"}


async def test_batches_of_every_size_on_each_engine(transaction: Transaction) -> None:
    many = [Item(4 + number % 3, f"é{number}", bytes([number % 256])) for number in range(2 * BATCH + 7)]

    def work(connection: Connection) -> list[Change]:
        one = holding(connection)
        first = one.replace(many)
        assert shown(one) == {(item.kind, item.id): item.body for item in many}
        again = one.replace(reversed(many))
        fewer = one.replace([item._replace(body=b"x") if item.id == "é7" else item for item in many[5:]] + many[5:9])
        assert one.count() == len(many) - 5
        return [first, again, fewer]

    first, again, fewer = await transaction(work)
    assert first == Change(added=len(many))
    assert again == Change(same=len(many))
    assert not again
    assert (fewer.added, fewer.removed, fewer.repeated) == (0, 5, 4)


def test_what_is_the_same_is_not_written(connection: Connection) -> None:
    one = holding(connection)
    one.replace(record_item(record) for record in read_aaf(DEMO))
    written: list[str] = []

    def note(*arguments: object) -> None:
        written.extend(text for text in arguments if isinstance(text, str) and not text.startswith("SELECT"))

    event.listen(connection, "before_cursor_execute", note)
    change = one.replace(record_item(record) for record in read_aaf(DEMO))
    event.remove(connection, "before_cursor_execute", note)
    assert not change
    assert not written


def test_every_record_comes_back_as_it_was(connection: Connection) -> None:
    one = holding(connection)
    records = list(read_aaf(DEMO))
    one.replace(map(record_item, records))
    back = [record for item in one.items() for record in records_of(item, "demo")]
    assert sorted(back, key=repr) == sorted(records, key=repr)


def test_a_rejected_value_and_a_relative_are_held(connection: Connection) -> None:
    one = holding(connection)
    rejected = model.Rejected("a.csv", 3, "66", "classe", "$", "no school")
    parent = model.Relative("1", "1", "ROY", "Éva", "Mme", "eva@x.fr", ("06 00 00 00 01", ""), "1 rue X")
    one.replace(record_item(record) for record in (rejected, rejected, parent))
    back = [record for item in one.items() for record in records_of(item, "csv")]
    held_parent, held_rejected = back
    assert held_rejected == rejected
    assert isinstance(held_parent, model.Relative)
    assert dataclasses.replace(held_parent, mobiles=(), postal="") == dataclasses.replace(parent, mobiles=(), postal="")
    assert len(held_parent.mobiles) == 1
    stored = b"".join(item.body for item in one.items())
    assert b"00 00 01" not in stored
    assert b"rue" not in stored


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_every_field_of_every_record_has_its_place(kind: type) -> None:
    assert FORMS[kind].__struct_fields__ == tuple(field.name for field in dataclasses.fields(kind))


def test_every_attribute_that_aaf_keeps_can_be_held() -> None:
    digested = {"ENTEleveINE", "ENTEleveStructRattachId", "ENTPersonDateNaissance", "ENTPersonNomPatro"}
    for category, names in ATTRIBUTES.items():
        values = {name: ["a", "é"] if number % 2 else ["b"] for number, name in enumerate(sorted(names - digested))}
        item = attributes_item(category, "1", values | {KEYS: ["ine:1"]})
        assert attributes_of(item) == values | {KEYS: ["ine:1"]}
        assert attributes_item(category, "1", dict(reversed((values | {KEYS: ["ine:1"]}).items()))) == item
