"""The whole communication matrix over SMTP: one pair for every writer's profile, recipient and narrowest scope."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from mailgate.policy.matrix import Scope, Verdict, list_key
from tests.end_to_end.gateway import Gateway
from tests.policy.academy import Account, accounts, lists, narrowest_first, narrowest_to_list
from tests.policy.rules import to_list, to_person

SEEN_FROM_OUTSIDE = {Verdict.ALLOW: {250}, Verdict.MODERATE: {250}, Verdict.REFUSE: {550}}
"""A message that somebody is to approve is accepted, and held."""


class Case(NamedTuple):
    """Somebody writes to an address; `combination` is what the matrix sees of that."""

    writer: Account
    to: str
    combination: tuple[str, str, Scope]
    verdict: Verdict


def _of_writer(writer: Account) -> Iterator[Case]:
    for other in accounts().values():
        if other is not writer:
            combination = (writer.profile, other.profile, narrowest_first(writer, other)[0])
            yield Case(writer, other.address, combination, to_person(writer, other))
    for address, one in lists().items():
        key = list_key(one["kind"], one["audience"])
        combination = (writer.profile, key, narrowest_to_list(writer, address)[0])
        yield Case(writer, address, combination, to_list(writer, address))


@cache
def cases() -> dict[Account, list[Case]]:
    """One case for each combination that the academy has people for, with as few writers as come first."""
    chosen: dict[tuple[str, str, Scope], Case] = {}
    for writer in accounts().values():
        for case in _of_writer(writer):
            chosen.setdefault(case.combination, case)
    by_writer: dict[Account, list[Case]] = defaultdict(list)
    for case in chosen.values():
        by_writer[case.writer].append(case)
    return by_writer


def _answers(gateway: Gateway, writer: Account, some: list[Case]) -> Iterator[tuple[Case, int, bytes]]:
    with gateway.smtp(gateway.people[writer.number]) as client:
        client.ehlo()
        for case in some:
            assert client.mail(writer.address)[0] == 250
            yield case, *client.rcpt(case.to)
            client.rset()


def test_every_profile_to_every_profile_and_list_in_every_scope(gateway: Gateway) -> None:
    seen: Counter[Verdict] = Counter()
    wrong = []
    for writer, some in cases().items():
        for case, code, text in _answers(gateway, writer, some):
            seen[case.verdict] += 1
            polite = code == 250 or text.startswith(b"5.7.1")
            if code not in SEEN_FROM_OUTSIDE[case.verdict] or not polite:
                wrong.append((case, code, text))
    assert wrong == []
    assert seen[Verdict.ALLOW] > 100
    assert seen[Verdict.REFUSE] > 100
    assert seen[Verdict.MODERATE] > 20
