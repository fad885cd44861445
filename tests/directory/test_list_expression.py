"""The language of lists by rule: what it means, what it refuses, and where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.list_expression import (
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_TERMS,
    Expression,
    ExpressionError,
    Operation,
    Operator,
    Term,
    members,
    parse,
    renamed,
    terms,
    written,
)

NAMES = ("a", "b", "6eme-a.parents", "niveau-6e.eleves", "tous@clg-x.ent.example.org", "x+y_2")
_operations = st.recursive(
    st.sampled_from(NAMES).map(Term),
    lambda inner: st.builds(Operation, st.sampled_from(Operator), inner, inner),
    max_leaves=MAX_DEPTH,
)
_people = st.fixed_dictionaries({name: st.frozensets(st.integers(0, 9)) for name in NAMES})


@given(_operations)
def test_what_is_written_is_read_back(expression: Expression) -> None:
    assert parse(written(expression)) == expression


@given(_operations, _people)
def test_the_meaning_is_that_of_arithmetic_on_sets(expression: Expression, people: dict[str, frozenset[int]]) -> None:
    """Python's own grammar binds `*` before `+` and `-`, and reads these from left to right."""
    values = {f"S{number}": _Sum(people[name]) for number, name in enumerate(NAMES)}
    plain = renamed(expression, lambda term: f"S{NAMES.index(term.name)}")
    arithmetic = written(plain).replace("|", "+").replace("&", "*")
    assert members(expression, people.__getitem__) == eval(arithmetic, values).value  # noqa: S307


class _Sum:
    """A set that is reckoned with: + is the union, * the intersection."""

    def __init__(self, value: frozenset[int]) -> None:
        self.value = value

    def __add__(self, other: _Sum) -> _Sum:
        return _Sum(self.value | other.value)

    def __sub__(self, other: _Sum) -> _Sum:
        return _Sum(self.value - other.value)

    def __mul__(self, other: _Sum) -> _Sum:
        return _Sum(self.value & other.value)


@given(st.text(alphabet="ab-|&() @.é\n0", max_size=60))
def test_any_text_is_an_expression_or_an_error_with_its_place(text: str) -> None:
    try:
        found = parse(text)
    except ExpressionError as raised:
        error: ExpressionError | None = raised
    else:
        error = None
        assert parse(written(found)) == found
        assert all(text[term.position - 1 :].lower().startswith(term.name) for term in terms(found))
    assert error is None or (1 <= error.position <= len(text) + 1 and error.cause)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("niveau-6e.parents - niveau-5e.parents", "niveau-6e.parents - niveau-5e.parents"),
        ("A|B", "a | b"),
        ("a - b - c", "a - b - c"),
        ("a - (b - c)", "a - (b - c)"),
        ("((a) | (b)) - c", "a | b - c"),
        ("a | b & c", "a | b & c"),
        ("(a | b) & c", "(a | b) & c"),
        ("a -b", "a - b"),
        ("a- b", "a - b"),
        ("a-b", "a-b"),
        (" \n(6eme-a.tous@x.example.org)\t", "6eme-a.tous@x.example.org"),
    ],
)
def test_how_it_is_read(text: str, plain: str) -> None:
    assert written(parse(text)) == plain


@pytest.mark.parametrize(
    ("text", "position", "cause"),
    [
        ("", 1, "a list or a parenthesis is expected, but the rule ends"),
        ("a |", 4, "a list or a parenthesis is expected, but the rule ends"),
        ("a | & b", 5, "a list or a parenthesis is expected, not '&'"),
        ("a b", 3, "| & or - is expected before 'b'"),
        ("(a | b", 7, "the parenthesis of character 1 is not closed"),
        ("a | b)", 6, "this parenthesis was not opened"),
        ("()", 2, "a list or a parenthesis is expected, not ')'"),
        ("a, b", 2, "',' has no place in a rule; it holds lists, | & - and parentheses"),
        ("élèves", 1, "'é' has no place in a rule; it holds lists, | & - and parentheses"),
        ("a@ | b", 2, "'@' has no place in a rule; it holds lists, | & - and parentheses"),
        ("(" * (MAX_DEPTH + 1) + "a", MAX_DEPTH + 1, f"a rule has at most {MAX_DEPTH} parentheses within one another"),
        (" | ".join("a" * (MAX_TERMS + 1)), 4 * MAX_TERMS + 1, f"a rule names at most {MAX_TERMS} lists"),
        ("a" * (MAX_LENGTH + 1), MAX_LENGTH + 1, f"a rule has at most {MAX_LENGTH} characters"),
    ],
)
def test_an_error_says_where_and_why(text: str, position: int, cause: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert (caught.value.position, caught.value.cause) == (position, cause)
    assert str(caught.value) == f"at character {position}: {cause}"


def test_the_largest_expression_is_read() -> None:
    deep = "(" * MAX_DEPTH + " - ".join("a" * MAX_TERMS) + ")" * MAX_DEPTH
    found = parse(deep)
    assert len(list(terms(found))) == MAX_TERMS
    assert [one.position for one in terms(found, giving=True)] == [MAX_DEPTH + 1]


def test_names_can_be_made_whole() -> None:
    whole = renamed(parse("a - b@y"), lambda term: term.name if "@" in term.name else f"{term.name}@x")
    assert written(whole) == "a@x - b@y"
