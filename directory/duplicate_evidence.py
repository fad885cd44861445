"""Whether two records of related persons are one person: what speaks for it and against it, as one score.

A wrong merge shows one family's messages to another; a missed one only leaves two accounts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import combinations
from typing import Final

CERTAIN: Final = 60
"""From this score on, records are one person."""
NAME: Final = 40
"""Points of the same name, without accents, case, hyphens and blanks; without it nothing else is looked at."""
POINTS: Final = {"mail": 40, "mobile": 40, "postal address": 10, "child": 5}
"""Points of what agrees. Without mail or mobile the sum stays below `CERTAIN`: relatives of one name live together."""
DIFFERS: Final = -20
"""Points of each of mail, mobile and postal address that both records have and that differs."""
OTHER_TITLE: Final = -100
"""Points of one record being of a woman and the other of a man."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What the source says of a related person; `children` are the pupils who name the record."""

    title: str
    mail: str
    mobiles: AbstractSet[str]
    postal: str
    children: AbstractSet[int]

    def __iter__(self) -> Iterator[tuple[str, str | int]]:
        """What another record may have in common."""
        if self.mail:
            yield "mail", self.mail
        for mobile in self.mobiles:
            yield "mobile", mobile
        if self.postal:
            yield "postal address", self.postal
        for child in self.children:
            yield "child", child


@dataclass(frozen=True, slots=True)
class Evidence:
    """What agrees between two records of one name, the strongest first, and the sum of all points."""

    same: tuple[str, ...]
    score: int

    @property
    def certain(self) -> bool:
        """Whether the two are one person without anybody being asked."""
        return self.score >= CERTAIN

    def __str__(self) -> str:
        return ", ".join(("same name", *self.same))


def compare(one: Traits, other: Traits) -> Evidence:
    """Weigh two records of the same name."""
    agree = {
        "mail": _agree(one.mail, other.mail),
        "mobile": bool(one.mobiles & other.mobiles) if one.mobiles and other.mobiles else None,
        "postal address": _agree(one.postal, other.postal),
    }
    same = [what for what, agrees in agree.items() if agrees]
    score = NAME + DIFFERS * sum(agrees is False for agrees in agree.values())
    if one.children & other.children:
        same.append("child")
    if one.title and other.title and _woman(one.title) != _woman(other.title):
        score += OTHER_TITLE
    return Evidence(tuple(same), score + sum(POINTS[what] for what in same))


def alike(records: Sequence[Traits]) -> dict[tuple[int, int], Evidence]:
    """What there is to say of each two records of one name, by their places, that have more than the name in common.

    A name that thousands have costs no more than what they have in common.
    """
    having: defaultdict[tuple[str, str | int], list[int]] = defaultdict(list)
    for place, traits in enumerate(records):
        for one in traits:
            having[one].append(place)
    pairs = {pair for places in having.values() for pair in combinations(places, 2)}
    return {(one, other): compare(records[one], records[other]) for one, other in sorted(pairs)}


def _agree(one: str, other: str) -> bool | None:
    return one == other if one and other else None


def _woman(title: str) -> bool:
    return title.lower().startswith("m") and title.lower().rstrip(".") != "m"
