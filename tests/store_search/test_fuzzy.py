"""FUZZY in the store: the same answers and relevancy from the index, from stored texts and from messages."""

from __future__ import annotations

import pytest

from imap.backend import Account, TextKey, TextScope
from imap.collation import fold
from imap.search.folded import field_values, folded_body, folded_header
from imap.search.fuzzy import FuzzyMatcher
from imap.search.texts import WholeMessage
from imap.search.words import words
from mailgate.store import MailStore
from mailgate.store.search import finder
from mailgate.store.search.documents import MOST_WORDS, words_of
from mailgate.store.search.indexer import Indexer
from tests.store.messages import own
from tests.store_search.searching import drain, letter, spelled

TEXTS = (
    ("Réunion des élèves", "Les élèves préparés viendront en salle 20261122."),
    ("Reunions", "un élève, une œuvre préparée"),
    ("Cantine", "La réunion de l'élève, salle 1122"),
    (
        "Divers",
        "rien " + " ".join(map(spelled, range(MOST_WORDS))),
    ),
    ("", "Élevage"),
)
NEEDLES = (
    "reunion",
    "RÉUNIONS",
    "eleve",
    "préparé",
    "preparee",
    "oeuvres",
    "réunion élèves",
    "20261122",
    "salle 1122",
    "zz",
)
KEYS = [
    TextKey(scope, fold(needle), "subject" if scope is TextScope.FIELD else "", fuzzy=True)
    for needle in NEEDLES
    for scope in TextScope
]


def relevancy(key: TextKey, content: bytes) -> int:
    """By the message's own words."""
    header, body = folded_header(WholeMessage(content)), folded_body(WholeMessage(content))
    matcher = FuzzyMatcher(key.needle)
    if key.scope is TextScope.FIELD:
        return matcher.relevancy(words(field_values(header, "subject")), ())
    return matcher.relevancy(words_of(header) if key.scope is TextScope.TEXT else (), words_of(body))


@pytest.mark.parametrize("most_found", [0, 2_000], ids=["all texts", "index"])
async def test_the_index_answers_as_the_words_do(
    store: MailStore, alice: Account, indexer: Indexer, monkeypatch: pytest.MonkeyPatch, most_found: int
) -> None:
    monkeypatch.setattr(finder, "_MOST_FOUND", most_found)
    for number, (subject, text) in enumerate(TEXTS):
        await store.deliver(letter(text, subject, number=number), [1])
    await drain(indexer)
    entries = await alice.entries(own(alice), (await alice.snapshot(own(alice))).uids)
    contents = await alice.read_whole([entry.message_id for entry in entries])
    hits = await alice.find_text(contents.keys(), KEYS)
    assert not hits.unindexed
    for key, found in zip(KEYS, hits.found, strict=True):
        expected = {message_id: relevancy(key, content) for message_id, content in contents.items()}
        assert dict(found) == {message_id: score for message_id, score in expected.items() if score}, key
    assert sum(map(len, hits.found)) > 30
