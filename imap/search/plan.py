"""A search key made ready to be decided over batches of messages.

Keys are decided for many messages at once, in Kleene's logic: with the facts at hand a message fits, does not fit, or
stays in doubt until facts of a higher level are read. So each level is read for those messages only that need it.
"""

from __future__ import annotations

import datetime
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from imap.backend import Entry, TextKey, TextScope
from imap.collation import fold
from imap.flags import KEYWORD_SHIFT, marked, marks
from imap.objectid import email_id
from imap.parsing import search_keys as keys
from imap.parsing.search_keys import SearchKey, When
from imap.search.facts import Facts, Level
from imap.search.folded import Matcher
from imap.search.fuzzy import FuzzyMatcher
from imap.search.sent import day_number
from imap.search.view import SearchView
from imap.search.words import words

_DAY = 86_400
_EPOCH = datetime.date(1970, 1, 1)
_ENDLESS = 2**64
_INTERNAL_DATE, _SIZE, _SAVED_AT = map(attrgetter, ("internal_date", "size", "saved_at"))

EntryKey: TypeAlias = (
    keys.ReceivedDate
    | keys.SavedDate
    | keys.HasEmailId
    | keys.HasThreadId
    | keys.OlderThan
    | keys.YoungerThan
    | keys.LargerThan
    | keys.SmallerThan
)
Select: TypeAlias = Callable[[Facts, Sequence[int]], Sequence[int]]


class Verdict(NamedTuple):
    """Positions that fit and positions in doubt, both ascending; the others do not fit."""

    fit: Sequence[int]
    doubt: Sequence[int]


@dataclass(frozen=True, slots=True)
class Plan:
    """A key: the `levels` it needs, the header `fields` it reads, the `texts` it asks the index for, how many keys."""

    decide: Callable[[Facts, Sequence[int]], Verdict]
    levels: frozenset[Level]
    fields: frozenset[str] = frozenset()
    texts: frozenset[TextKey] = frozenset()
    keys: int = 1
    threads: bool = False
    """Whether it reads what thread a message belongs to."""

    @property
    def cost(self) -> Level:
        """The highest level it may need."""
        return max(self.levels)


def make_plan(key: SearchKey, view: SearchView, *, fuzzy: bool = False) -> Plan:
    """The plan of a key over a mailbox; `fuzzy` within FUZZY, where texts alone are matched otherwise (RFC 6203 5)."""
    match key:
        case keys.And(children):
            return _and(sorted((make_plan(child, view, fuzzy=fuzzy) for child in children), key=_cost))
        case keys.Or(left, right):
            return _or(*sorted((make_plan(child, view, fuzzy=fuzzy) for child in (left, right)), key=_cost))
        case keys.Not(child):
            return _not(child, view, fuzzy=fuzzy)
        case keys.Fuzzy(child):
            return make_plan(child, view, fuzzy=True)
        case (
            keys.ReceivedDate()
            | keys.SavedDate()
            | keys.HasEmailId()
            | keys.HasThreadId()
            | keys.OlderThan()
            | keys.YoungerThan()
            | keys.LargerThan()
            | keys.SmallerThan()
        ):
            return replace(_leaf(Level.ENTRY, _select_entry(key)), threads=isinstance(key, keys.HasThreadId))
        case keys.SentDate(when, day):
            return _leaf(Level.SENT, _select_sent(when, day_number(day)))
        case keys.HeaderContains(field, text):
            return _text_leaf(TextKey(TextScope.FIELD, fold(text), field), fuzzy=fuzzy)
        case keys.BodyContains(text) | keys.TextContains(text) if text:
            scope = TextScope.BODY if isinstance(key, keys.BodyContains) else TextScope.TEXT
            return _text_leaf(TextKey(scope, fold(text)), fuzzy=fuzzy)
        case keys.All() | keys.BodyContains() | keys.TextContains():
            return _leaf(Level.MEMORY, lambda _, positions: positions)
        case _:
            return _leaf(Level.MEMORY, _select_memory(key, view))


def _cost(plan: Plan) -> Level:
    return plan.cost


def _leaf(level: Level, select: Select) -> Plan:
    def decide(facts: Facts, positions: Sequence[int]) -> Verdict:
        if facts.level < level:
            return Verdict((), positions)
        return Verdict(select(facts, positions), ())

    return Plan(decide, frozenset({level}))


def _text_leaf(key: TextKey, *, fuzzy: bool) -> Plan:
    """Decided by the index where it knows the message, else by its texts."""
    if fuzzy and words(key.needle):
        key = replace(key, fuzzy=True)
    level = Level.HEADER if key.scope is TextScope.FIELD else Level.CONTENT
    relevancy = _fuzzy_relevancy(key) if key.fuzzy else _exact_relevancy(key)

    def decide(facts: Facts, positions: Sequence[int]) -> Verdict:
        if facts.level < Level.INDEX:
            return Verdict((), positions)
        hits, tail = facts.indexed.hits[key], facts.indexed.tail
        if facts.level >= level:
            for position in positions:
                if position in tail and (found := relevancy(facts, position)):
                    hits[position] = found
            return Verdict([position for position in positions if position in hits], ())
        fit = [position for position in positions if position in hits]
        return Verdict(fit, [position for position in positions if position in tail] if tail else ())

    levels = frozenset({Level.INDEX, level})
    return Plan(decide, levels, frozenset({key.field}) if key.field else frozenset(), frozenset({key}))


def _exact_relevancy(key: TextKey) -> Callable[[Facts, int], int]:
    needle, field, matcher = key.needle, key.field, Matcher(key)
    if key.scope is TextScope.FIELD:
        return lambda facts, p: 100 if any(needle in text for text in facts.headers[p].texts(field)) else 0
    if key.scope is TextScope.BODY:
        return lambda facts, p: 100 if matcher.within(facts.texts[p].body) else 0
    return lambda facts, p: 100 if matcher.within(facts.texts[p].body) or matcher.within(facts.texts[p].header) else 0


def _fuzzy_relevancy(key: TextKey) -> Callable[[Facts, int], int]:
    matcher, field = FuzzyMatcher(key.needle), key.field
    if key.scope is TextScope.FIELD:
        return lambda facts, p: matcher.relevancy(words("\0".join(facts.headers[p].texts(field))), ())
    header = key.scope is TextScope.TEXT
    return lambda facts, p: matcher.relevancy(
        _words(facts.texts[p].header) if header else (), _words(facts.texts[p].body)
    )


def _words(text: bytes) -> set[str]:
    return words(text.decode("utf-8", "surrogatepass"))


def _together(decide: Callable[[Facts, Sequence[int]], Verdict], plans: Sequence[Plan]) -> Plan:
    return Plan(
        decide,
        frozenset().union(*(plan.levels for plan in plans)),
        frozenset().union(*(plan.fields for plan in plans)),
        frozenset().union(*(plan.texts for plan in plans)),
        1 + sum(plan.keys for plan in plans),
        any(plan.threads for plan in plans),
    )


def _and(plans: Sequence[Plan]) -> Plan:
    """Each key looks only at what the ones before it left."""

    def decide(facts: Facts, positions: Sequence[int]) -> Verdict:
        doubtful: set[int] = set()
        for plan in plans:
            fit, doubt = plan.decide(facts, positions)
            doubtful.update(doubt)
            positions = _union(fit, doubt)
            if not positions:
                break
        return Verdict(_without(positions, doubtful), [p for p in positions if p in doubtful] if doubtful else ())

    return _together(decide, plans)


def _or(left: Plan, right: Plan) -> Plan:
    """The second key looks only at what does not surely fit the first."""

    def decide(facts: Facts, positions: Sequence[int]) -> Verdict:
        fit, doubt = left.decide(facts, positions)
        more_fit, more_doubt = right.decide(facts, _without(positions, fit))
        in_doubt = {*doubt, *more_doubt}
        return Verdict(_union(fit, more_fit), sorted(in_doubt.difference(more_fit)))

    return _together(decide, (left, right))


def _not(child: SearchKey, view: SearchView, *, fuzzy: bool) -> Plan:
    if isinstance(child, keys.HasFlag | keys.HasKeyword):
        return _leaf(Level.MEMORY, _select_flag(_mask(child, view), view, there=False))
    plan = make_plan(child, view, fuzzy=fuzzy)

    def decide(facts: Facts, positions: Sequence[int]) -> Verdict:
        fit, doubt = plan.decide(facts, positions)
        return Verdict(_without(_without(positions, fit), doubt), doubt)

    return _together(decide, (plan,))


def _union(one: Sequence[int], other: Sequence[int]) -> Sequence[int]:
    """Both of two disjoint ascending sequences."""
    if not one or not other:
        return one or other
    return sorted([*one, *other])


def _without(positions: Sequence[int], gone: Sequence[int] | set[int]) -> Sequence[int]:
    if not gone:
        return positions
    if isinstance(positions, range):
        kept = bytearray(b"\1") * len(positions)
        for position in gone:
            kept[position - positions.start] = 0
        return list(compress(positions, kept))
    gone = gone if isinstance(gone, set) else set(gone)
    return [position for position in positions if position not in gone]


def _select_memory(key: SearchKey, view: SearchView) -> Select:
    match key:
        case keys.HasFlag() | keys.HasKeyword():
            return _select_flag(_mask(key, view), view, there=True)
        case keys.ModSeqFrom(modseq):
            modseqs = view.modseqs
            return lambda _, positions: [position for position in positions if modseqs[position] >= modseq]
        case keys.IsRecent():
            uids = view.uids
            return lambda _, positions: [position for position in positions if view.is_recent(uids[position])]
        case keys.NumberIn(messages):
            return _select_spans(view.positions(messages, uid=False))
        case keys.UidIn(messages):
            return _select_spans(view.positions(messages, uid=True))
    raise AssertionError(key)


def _mask(flag: keys.HasFlag | keys.HasKeyword, view: SearchView) -> int:
    """The one bit of the flag; 0 for a keyword that the mailbox does not have."""
    if isinstance(flag, keys.HasFlag):
        return flag.mask
    folded = [keyword.lower() for keyword in view.keywords]
    return 1 << KEYWORD_SHIFT + folded.index(flag.name.lower()) if flag.name.lower() in folded else 0


def _select_flag(mask: int, view: SearchView, *, there: bool) -> Select:
    """Messages that have the flag, or those that do not: of many, column by column and without an object for each."""
    flags = view.flags

    def select(_: Facts, positions: Sequence[int]) -> Sequence[int]:
        if isinstance(positions, range):
            return marked(positions, marks(flags[positions.start : positions.stop], mask, there=there))
        return [position for position in positions if bool(flags[position] & mask) is there]

    return select


def _select_spans(spans: Sequence[range]) -> Select:
    stops = [span.stop - 1 for span in spans]

    def select(_: Facts, positions: Sequence[int]) -> Sequence[int]:
        if not positions:
            return ()
        found: list[int] = []
        for span in spans[bisect_left(stops, positions[0]) :]:
            if span.start > positions[-1]:
                break
            found += positions[bisect_left(positions, span.start) : bisect_left(positions, span.stop)]
        return found

    return select


def _select_entry(key: EntryKey) -> Select:
    match key:
        case keys.ReceivedDate(when, day):
            return _select_days(_INTERNAL_DATE, when, day)
        case keys.SavedDate(when, day):
            return _select_days(_SAVED_AT, when, day)
        case keys.OlderThan(seconds):
            return _select_values(_INTERNAL_DATE, stop=int(time.time()) - seconds + 1)
        case keys.YoungerThan(seconds):
            return _select_values(_INTERNAL_DATE, start=int(time.time()) - seconds)
        case keys.HasThreadId(identifier):
            return lambda facts, positions: [p for p in positions if facts.threads[p] == identifier]
        case keys.HasEmailId(identifier):
            return lambda facts, positions: [
                p for p in positions if email_id(facts.entries[p].message_id) == identifier
            ]
        case keys.LargerThan(size):
            return _select_values(_SIZE, start=size + 1)
        case keys.SmallerThan(size):
            return _select_values(_SIZE, stop=size)


def _select_days(moment: Callable[[Entry], int], when: When, day: datetime.date) -> Select:
    """Days as dates are shown, in UTC."""
    start = (day - _EPOCH).days * _DAY
    match when:
        case When.BEFORE:
            return _select_values(moment, stop=start)
        case When.SINCE:
            return _select_values(moment, start=start)
        case When.ON:
            return _select_values(moment, start=start, stop=start + _DAY)


def _select_values(value: Callable[[Entry], int], *, start: int = -_ENDLESS, stop: int = _ENDLESS) -> Select:
    """Messages with a value from ``start`` on, below ``stop``."""

    def select(facts: Facts, positions: Sequence[int]) -> Sequence[int]:
        values = map(value, map(facts.entries.__getitem__, positions))
        return [position for position, found in zip(positions, values, strict=True) if start <= found < stop]

    return select


def _select_sent(when: When, day: int) -> Select:
    match when:
        case When.BEFORE:
            return lambda facts, positions: [p for p in positions if 0 < facts.sent[p] < day]
        case When.SINCE:
            return lambda facts, positions: [p for p in positions if facts.sent[p] >= day]
        case When.ON:
            return lambda facts, positions: [p for p in positions if facts.sent[p] == day]
