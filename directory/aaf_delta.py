"""An AAF delta on what is held: add or replace records, replace attributes whole, delete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from directory.held_forms import CATEGORIES, Item, attributes_item, attributes_of
from directory.holding import BATCH, Change, Holding, Key, batches
from directory.readers.aaf_records import held
from directory.readers.aaf_requests import Request, Verb


def apply_delta(holding: Holding, requests: Iterable[Request]) -> tuple[Change, list[Request]]:
    """Do what a delta asks, in its order; how the holding changed, and the modifications of records that are not held.

    A deletion of what is not held is done already; a modification of it means that a delivery was missed.
    """
    total = Change()
    unknown: list[Request] = []
    for batch in batches(requests, BATCH):
        before = holding.bodies({_key(request) for request in batch})
        after = dict(before)
        unknown += [request for request in batch if not _do(request, after)]
        total.removed += holding.remove([key for key in before if key not in after])
        change = holding.put(item for key, item in after.items() if before.get(key) != item)
        total.added += change.added
        total.changed += change.changed
    return total, unknown


def complete_items(requests: Iterable[Request]) -> Iterator[Item]:
    """The records of a complete set as they are held."""
    for request in requests:
        yield attributes_item(request.category, request.id, held(request.values))


def _do(request: Request, records: dict[Key, Item]) -> bool:
    """Change `records` as asked; False for a modification of a record that is not there."""
    key = _key(request)
    if request.verb is Verb.DELETE:
        records.pop(key, None)
        return True
    if request.verb is Verb.ADD:
        records[key] = attributes_item(request.category, request.id, held(request.values))
        return True
    if key not in records:
        return False
    records[key] = attributes_item(request.category, request.id, held(request.values, attributes_of(records[key])))
    return True


def _key(request: Request) -> Key:
    return CATEGORIES[request.category], request.id
