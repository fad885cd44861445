"""What needs no server: dots, pauses, answers."""

from __future__ import annotations

import smtplib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.queue.bounces import without_return_path
from mailgate.queue.claim import Waiting
from mailgate.queue.enqueue import OutsideRecipient, domains_in, payloads
from mailgate.queue.outcome import State, result_of
from mailgate.queue.schedule import LONGEST_SILENCE, Priority, Schedule, priority_of
from smtp.client.answers import Answer, from_reply
from smtp.client.connection import xtext
from smtp.client.content import Stuffing
from smtp.syntax import decode_xtext

SCHEDULE = Schedule((300, 900, 3_600), 4 * 86_400, 4 * 3_600)
lines = st.lists(st.text(".a \t", max_size=5).map(str.encode)).map(b"\r\n".join)


@given(lines, st.lists(st.integers(1, 7), max_size=20))
def test_dots_are_doubled_wherever_a_piece_ends(data: bytes, sizes: list[int]) -> None:
    stuffing, wire, at = Stuffing(), b"", 0
    for size in [*sizes, len(data) + 1]:
        wire += stuffing.feed(data[at : at + size])
        at += size
    whole = data if data.endswith(b"\r\n") or not data else data + b"\r\n"
    assert wire + stuffing.end() == smtplib._quote_periods(whole) + b".\r\n"  # type: ignore[attr-defined]


@given(st.integers(0, 1_000), st.floats(0, 1))
def test_pauses_grow_to_the_last_and_never_by_more_than_a_fifth(attempts: int, chance: float) -> None:
    pause = SCHEDULE.pause(attempts, chance)
    wanted = SCHEDULE.pauses[min(max(attempts, 1), 3) - 1]
    assert 0.8 * wanted - 1 <= pause <= 1.2 * wanted + 1
    assert SCHEDULE.silence(attempts, chance) <= LONGEST_SILENCE


def test_notices_are_never_after_the_end() -> None:
    assert SCHEDULE.first_notice(1_000, 1_000 + SCHEDULE.expiry) == 1_000 + 4 * 3_600
    assert Schedule((1,), 60, 4 * 3_600).first_notice(0, 60) == 60
    assert Schedule((1,), 60, 0).first_notice(0, 60) == 60


def test_the_fewer_the_earlier() -> None:
    assert [priority_of(1), priority_of(11), priority_of(1, of_list=True)] == list(Priority)[:3]


@given(st.integers(200, 599), st.text(max_size=50))
def test_any_answer_has_a_status_of_its_class(code: int, text: str) -> None:
    answer = from_reply(code, text, "mx")
    assert answer.status[0] == str(code)[0]
    assert answer.text.isprintable()
    assert answer.positive + answer.temporary + answer.permanent == 1


@pytest.mark.parametrize(
    ("reply", "status", "text"),
    [
        ((250, "2.1.5 fine"), "2.1.5", "fine"),
        ((550, "4.1.1 odd"), "5.0.0", "4.1.1 odd"),
        ((550, "5.7.1 one\n5.7.1 two"), "5.7.1", "one 5.7.1 two"),
        ((-1, "nonsense"), "4.0.0", "nonsense"),
    ],
)
def test_enhanced_status_codes(reply: tuple[int, str], status: str, text: str) -> None:
    answer = from_reply(*reply, "mx")
    assert (answer.status, answer.text) == (status, text)
    assert answer.permanent == (status[0] == "5")


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=50))
def test_xtext_is_read_back(text: str) -> None:
    assert decode_xtext(xtext(text), 500) == text


@given(st.lists(st.text("abc.é", min_size=1, max_size=250), max_size=100, unique=True))
def test_notifications_name_every_domain_and_fit(domains: list[str]) -> None:
    made = list(payloads(domains))
    assert [name for payload in made for name in domains_in(payload) or []] == domains
    assert all(len(payload.encode()) < 8_000 for payload in made)


def test_other_topics_are_left_to_others() -> None:
    assert domains_in("mail 1:2") is None
    assert domains_in("queue") == []


def test_an_address_is_the_same_whatever_the_case_of_its_domain() -> None:
    assert OutsideRecipient("A@Example.ORG").key == "A@example.org" != OutsideRecipient("a@example.org").key


def test_only_the_field_of_final_delivery_is_taken_off() -> None:
    assert without_return_path(b"Return-Path: <a@b.example>\r\nReceived: x\r\n") == b"Received: x\r\n"
    assert without_return_path(b"Received: x\r\nReturn-Path: <y>\r\n") == b"Received: x\r\nReturn-Path: <y>\r\n"


def test_a_refusal_of_too_many_is_no_failed_attempt() -> None:
    to = Waiting(0, "a@b.example", (), None, 3, 0, None)
    answer = Answer(452, "4.5.3", "too many")
    at_once = result_of(to, answer, SCHEDULE, 1_000, 0.5, others=True)
    assert (at_once.state, at_once.due_at, at_once.attempts) == (State.WAITING, 1_000, 0)
    later = result_of(to, answer, SCHEDULE, 1_000, 0.5, others=False)
    assert (later.state, later.due_at, later.attempts) == (State.WAITING, 4_600, 1)
