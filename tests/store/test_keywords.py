"""Keyword tables: bits and names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imap.flags import MAX_KEYWORDS, SYSTEM_MASK, flag_names
from mailgate.store.keywords import bits, extend, parse, translate

_table = st.lists(st.from_regex(r"[a-z$]{1,6}", fullmatch=True), max_size=MAX_KEYWORDS, unique=True).map(tuple)


@given(source=_table, target=_table, data=st.data())
def test_a_translated_mask_has_the_same_names(
    source: tuple[str, ...], target: tuple[str, ...], data: st.DataObject
) -> None:
    masks = data.draw(st.lists(st.integers(0, (1 << (5 + len(source))) - 1), max_size=5))
    mapping, table = translate(masks, source, target)
    assert table[: len(target)] == target
    assert len(table) <= MAX_KEYWORDS
    assert mapping.keys() == set(masks)
    for mask, translated in mapping.items():
        wanted = {name for name in flag_names(mask, source) if name.startswith("\\") or name in table}
        assert set(flag_names(translated, table)) == wanted
        assert translated < 1 << 63


@given(_table)
def test_a_table_survives_its_text(table: tuple[str, ...]) -> None:
    assert parse(" ".join(table)) == table
    assert bits(table, [name.upper() for name in table]) == ((1 << len(table)) - 1) << 5
    assert bits(table, ["UNKNOWN-NAME"]) == 0
    assert extend(table, table) == table


def test_a_mask_without_keywords_stays() -> None:
    assert translate([SYSTEM_MASK, 0], ("a",), ()) == ({SYSTEM_MASK: SYSTEM_MASK, 0: 0}, ())
