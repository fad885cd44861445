"""Cells of the matrix: how they are read, and which of them decides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.i18n import ascii_only, translator
from mailgate.policy import cells, words
from mailgate.policy.explaining import sentence
from mailgate.policy.matrix import (
    RECIPIENTS,
    WRITERS,
    Cell,
    Decision,
    MatrixError,
    Relation,
    Scope,
    Verdict,
    cell,
    decide,
    default_cells,
    parse,
)

ROW = '[[cells]]\nfrom = ["{}"]\nto = ["{}"]\nscope = "{}"\nverdict = "{}"\n'
TWICE = "".join(ROW.format("teacher", "pupil", "anyone", verdict) for verdict in ("allow", "refuse"))
CELLS = st.tuples(st.sampled_from(WRITERS), st.sampled_from(RECIPIENTS), st.sampled_from(Scope))
MATRICES = st.dictionaries(CELLS, st.sampled_from(Verdict), max_size=30)
RELATIONS = st.lists(
    st.builds(Relation, st.sampled_from(Scope), st.integers(1, 3), st.none() | st.sampled_from(Verdict)), max_size=8
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cells = 1", "cells"),
        ("[[cells]", "Expected"),
        (ROW.format("teachers", "pupil", "anyone", "allow"), "cell 1: 'teachers' is no profile"),
        (ROW.format("teacher", "class.mums", "anyone", "allow"), "cell 1: 'class.mums' is neither"),
        (ROW.format("teacher", "pupil", "everywhere", "allow"), "everywhere"),
        (ROW.format("teacher", "pupil", "anyone", "perhaps"), "perhaps"),
        (ROW.format("teacher", "shared.*", "anyone", "allow"), "'shared.*' is neither"),
        ("colour = 1", "colour"),
        (TWICE, "cell 2"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(text: str, told: str) -> None:
    with pytest.raises(MatrixError) as refused:
        parse(text)
    assert told in str(refused.value)


def test_a_star_stands_for_the_lists_of_a_kind() -> None:
    assert {to for _, to, _ in parse(ROW.format("teacher", "level.*", "own-school", "allow"))} == {
        f"level.{audience}" for audience in ("eleves", "parents", "profs", "pp", "tous")
    }


def test_one_cell_by_its_words_has_no_star() -> None:
    assert cell("pupil", "class.pp", "own-class") == ("pupil", "class.pp", Scope.OWN_CLASS)
    for wrong in [("pupil", "class.*", "own-class"), ("pupils", "class.pp", "own-class"), ("pupil", "class.pp", "own")]:
        with pytest.raises(MatrixError):
            cell(*wrong)


@given(MATRICES)
def test_what_is_exported_is_read_again(matrix: dict[Cell, Verdict]) -> None:
    assert parse(cells.as_toml(matrix, "0131001T")) == matrix


@given(MATRICES, MATRICES)
def test_differences_lead_from_one_to_the_other(before: dict[Cell, Verdict], after: dict[Cell, Verdict]) -> None:
    changed = dict(before)
    for key, verdict in cells.differences(before, after).items():
        changed.pop(key, None)
        if verdict is not None:
            changed[key] = verdict
    assert changed == after


@given(MATRICES, RELATIONS, st.sampled_from(WRITERS), st.sampled_from(RECIPIENTS))
def test_nothing_passes_that_no_cell_lets_pass(
    matrix: dict[Cell, Verdict], relations: list[Relation], writer: str, recipient: str
) -> None:
    decision = decide(matrix, writer, recipient, relations)
    said = [one.override or matrix.get((writer, recipient, one.scope)) for one in relations]
    assert decision.verdict in {*said, Verdict.REFUSE}
    narrower = [
        verdict
        for one, verdict in zip(relations, said, strict=True)
        if verdict and decision.scope and list(Scope).index(one.scope) < list(Scope).index(decision.scope)
    ]
    assert not narrower
    assert sentence(decision, "0131001T").endswith(".")


def test_a_school_closes_what_is_shipped_open_and_the_other_way_round() -> None:
    closed = [Relation(Scope.OWN_CLASS, 1, Verdict.REFUSE), Relation(Scope.OWN_SCHOOL, 1, None)]
    assert decide(default_cells(), "pupil", "pupil", closed).verdict is Verdict.REFUSE
    opened = [Relation(Scope.OWN_SCHOOL, 1, Verdict.MODERATE), Relation(Scope.ANYONE, None, None)]
    assert decide(default_cells(), "pupil", "pupil", opened).verdict is Verdict.MODERATE


def test_of_two_schools_the_more_open_decides() -> None:
    both = [Relation(Scope.OWN_SCHOOL, 1, Verdict.REFUSE), Relation(Scope.OWN_SCHOOL, 2, None)]
    decision = decide(default_cells(), "teacher", "teacher", both)
    assert (decision.verdict, decision.school_id) == (Verdict.ALLOW, 2)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_refusal_has_its_words(language: str) -> None:
    translate = translator("fr" if language == "fr" else "en")
    for writer in WRITERS:
        for recipient in RECIPIENTS:
            decision = Decision(Verdict.REFUSE, writer, recipient, None, None, overridden=False)
            text = ascii_only(words.refusal(decision, default_cells(), translate))
            assert text.isascii()
            assert "{" not in text
            assert len(text) < 200


def test_a_parent_reads_what_is_possible() -> None:
    decision = Decision(Verdict.REFUSE, "relative", "teacher", None, None, overridden=False)
    assert words.refusal(decision, default_cells(), translator("fr")) == (
        "Les messages des parents aux professeurs sont acceptés seulement au sein d’une même classe."
    )
