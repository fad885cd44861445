"""Members of lists through imports, rules, nesting, additions and exclusions at random, against plain Python sets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from directory.list_expression import Expression, Operation, Operator, Term, terms, written
from directory.list_expression import members as meaning
from directory.list_graph import ListError
from tests.directory import listing
from tests.directory.academy import SETTINGS, empty_directory, guardian_of, pupil, relative, small, take
from tests.support.examples import MODEL_EXAMPLES

PUPILS = range(1, 7)
DERIVED = ("6a.eleves", "6a.parents", "6a.tous", "6b.eleves", "6b.parents", "6b.tous", "eleves", "parents", "tous")
MADE = ("main-1", "main-2", "regle-1", "regle-2")
LISTS = (*DERIVED, *MADE)
_FORCED = replace(SETTINGS, force=True)

_lists = st.sampled_from(LISTS)
_expressions = st.recursive(
    _lists.map(Term), lambda inner: st.builds(Operation, st.sampled_from(Operator), inner, inner), max_leaves=4
)
_places = st.fixed_dictionaries({number: st.sampled_from(["6A", "6B", None]) for number in PUPILS})
_steps = st.one_of(
    st.tuples(st.just("import"), _places),
    st.tuples(st.sampled_from(["add", "remove", "exclude", "include"]), _lists, st.sampled_from([*PUPILS, 11, 12, 13])),
    st.tuples(st.sampled_from(["nest", "unnest"]), st.sampled_from(MADE[:2]), _lists),
    st.tuples(st.just("rule"), st.sampled_from(MADE[2:]), _expressions),
)


def _guardian(number: int) -> int:
    return 10 + (number + 1) // 2


def _address(number: int) -> str:
    return f"{'eleve' if number in PUPILS else 'parent'}.numero{number}@ent.example.org"


@dataclass
class Model:
    """What should be."""

    places: dict[int, str | None]
    adjusted: dict[tuple[str, int], bool] = field(default_factory=dict)
    nested: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in MADE[:2]})
    rules: dict[str, Expression] = field(default_factory=lambda: {name: Term("eleves") for name in MADE[2:]})

    def here(self) -> set[int]:
        pupils = {number for number, place in self.places.items() if place}
        return pupils | {_guardian(number) for number in pupils}

    def members(self, name: str) -> set[int]:
        added = {who for (of, who), excluded in self.adjusted.items() if of == name and not excluded}
        out = {who for (of, who), excluded in self.adjusted.items() if of == name and excluded}
        return (set(self._given(name)) | (added & self.here())) - out

    def _given(self, name: str) -> set[int]:
        if name in self.nested:
            return {who for part in self.nested[name] for who in self.members(part)}
        if name in self.rules:
            return set(meaning(self.rules[name], self.members))
        place, _, audience = name.rpartition(".")
        if audience == "tous":
            return self.members(f"{place}.eleves".strip(".")) | self.members(f"{place}.parents".strip("."))
        pupils = {number for number, its in self.places.items() if its and place in ("", its.lower())}
        return pupils if audience == "eleves" else {_guardian(number) for number in pupils}

    def reaches(self, name: str, target: str) -> bool:
        parts = self.nested.get(name) or ({term.name for term in terms(self.rules[name])} if name in self.rules else ())
        return name == target or any(self.reaches(part, target) for part in parts)

    def step(self, what: str, *rest: object) -> bool:
        """Do it, or say that it cannot be done."""
        match what, rest:
            case "import", (dict(places),):
                self.places = places
            case (("add" | "remove" | "exclude" | "include"), (str(name), int(who))):
                return self._adjust(what, name, who)
            case "nest", (str(name), str(part)):
                if part in self.nested[name] or self.reaches(part, name):
                    return False
                self.nested[name].add(part)
            case "unnest", (str(name), str(part)):
                if part not in self.nested[name]:
                    return False
                self.nested[name].remove(part)
            case "rule", (str(name), rule):
                assert isinstance(rule, Term | Operation)
                if any(self.reaches(term.name, name) for term in terms(rule)):
                    return False
                self.rules[name] = rule
        return True

    def _adjust(self, what: str, name: str, who: int) -> bool:
        before = self.adjusted.get((name, who))
        if what == "add" and (who not in self.here() or before):
            return False
        if what in ("remove", "include") and before is not (what == "include"):
            return False
        if what in ("add", "exclude"):
            self.adjusted[name, who] = what == "exclude"
        else:
            del self.adjusted[name, who]
        return True


def _import(connection: Connection, places: dict[int, str | None]) -> None:
    children = [
        replace(pupil(number, in_class=place), links=(guardian_of(_guardian(number)),))
        for number, place in places.items()
        if place
    ]
    guardians = sorted({_guardian(number) for number, place in places.items() if place})
    take(connection, small(*children, *(relative(one, f"Parent Numero{one}") for one in guardians)), _FORCED)


def _step(connection: Connection, what: str, *rest: object) -> bool:
    before = listing.decided(connection)
    try:
        match what, rest:
            case "import", (dict(places),):
                _import(connection, places)
            case (("add" | "remove" | "exclude" | "include"), (str(name), int(who))):
                listing.adjust(connection, what, name, _address(who))
            case "nest", (str(name), str(part)):
                listing.nest(connection, name, part)
            case "unnest", (str(name), str(part)):
                listing.unnest(connection, name, part)
            case "rule", (str(name), rule):
                assert isinstance(rule, Term | Operation)
                listing.set_rule(connection, name, written(rule))
    except ListError:
        assert listing.decided(connection) == before
        return False
    return True


@settings(max_examples=MODEL_EXAMPLES or 6, deadline=None)
@given(st.lists(_steps, max_size=12))
def test_lists_are_what_plain_sets_say(steps: list[tuple[object, ...]]) -> None:
    with empty_directory() as connection:
        model = Model({number: ("6A", "6B")[number % 2] for number in PUPILS})
        _import(connection, model.places)
        for name in MADE:
            listing.create(connection, name, rule="eleves" if name in model.rules else None)
        for step in steps:
            what, *rest = step
            assert _step(connection, str(what), *rest) == model.step(str(what), *rest), step
            found = listing.all_members(connection)
            assert {name: found[name] for name in LISTS} == {name: model.members(name) for name in LISTS}, step
        before = listing.all_members(connection)
        _import(connection, model.places)
        assert listing.all_members(connection) == before
