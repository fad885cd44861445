"""SEARCH over a large mailbox: what stands in a header, in a body, in the flags.

Each round looks for another word, and every answer is compared with what is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.messages import DAYS, PERIOD, RARE_SENDERS, RARE_SUBJECTS, RARE_WORDS, day
from benchmarks.rows import mailboxes
from benchmarks.rows.benchmark import Benchmark, Round, Row, Sample, Site

_Rare = tuple[bytes, int]
"""A program for SEARCH, and what the numbers of the messages found leave when divided by a period."""

_ABSENT = "introuvable"
_FLAGGED = 7


def _text(key: str, word: str) -> bytes:
    octets = word.encode()
    return b"CHARSET UTF-8 %b {%d+}\r\n%b" % (key.encode(), len(octets), octets)


def _subject(number: int) -> _Rare:
    place = number % len(RARE_SUBJECTS)
    return _text("SUBJECT", RARE_SUBJECTS[place]), 100 + place


def _sender(number: int) -> _Rare:
    place = number % len(RARE_SENDERS)
    return _text("FROM", RARE_SENDERS[place].split()[1]), 200 + place


def _date(number: int) -> _Rare:
    place = 37 * number % DAYS
    return f"SENTON {day(place):%-d-%b-%Y}".encode(), place


def _flag(_: int) -> _Rare:
    return b"DRAFT", _FLAGGED


def _quoted_printable(number: int) -> _Rare:
    place = 2 * number % 10
    return _text("BODY", RARE_WORDS[place]), place


def _base64(number: int) -> _Rare:
    place = (2 * number + 1) % 10
    return _text("BODY", RARE_WORDS[place]), place


def _anywhere(number: int) -> _Rare:
    place = 10 + number % 10
    return _text("TEXT", RARE_WORDS[place]), place


def _round_of(program: Callable[[int], _Rare], period: int) -> Round:
    async def measure(site: Site, number: int) -> Sequence[Sample]:
        command, rest = program(number)
        client = await site.selected(mailboxes.LARGE)
        answers: list[bytes] = []

        async def work() -> None:
            answers.append(await client.command(b"UID SEARCH " + command))

        sample = await site.timed(work())
        client.close()
        found = set(map(int, answers[0].partition(b"* SEARCH")[2].partition(b"\r\n")[0].split()))
        right = {message + 1 for message in range(rest, site.scale.messages, period)}
        assert found == right, f"{command!r}: {len(found - right)} wrong and {len(right - found)} missing UIDs"
        return [sample]

    return measure


async def _prepare(site: Site) -> None:
    """Mark some messages, and look for something that is not there, so that what is kept of texts is kept."""
    await mailboxes.large(site)
    await site.once("searched", _search_in_vain)


async def _search_in_vain(site: Site) -> None:
    client = await site.selected(mailboxes.LARGE)
    marked = b",".join(b"%d" % (message + 1) for message in range(_FLAGGED, site.scale.messages, PERIOD))
    await client.command(b"UID STORE %b +FLAGS.SILENT (\\Draft)" % marked)
    for key in ("SUBJECT", "FROM", "BODY", "TEXT"):
        await client.command(b"UID SEARCH " + _text(key, _ABSENT))
    await client.command(b"UID SEARCH SENTON 1-Feb-1990")
    client.close()


def _benchmark(
    name: str, what: str, program: Callable[[int], _Rare], *, ratio: float = 1, period: int = PERIOD, rounds: int = 5
) -> Benchmark:
    row = Row("SEARCH of {messages} by " + what, ratio=ratio)
    return Benchmark(name, [row], _round_of(program, period), _prepare, rounds=rounds)


BENCHMARKS = (
    _benchmark("search-subject", "subject", _subject),
    _benchmark("search-sender", "sender", _sender),
    _benchmark("search-date", "date", _date, period=DAYS),
    _benchmark("search-flag", "flag", _flag),
    _benchmark("search-body-qp", "BODY, quoted-printable", _quoted_printable, ratio=20, rounds=3),
    _benchmark("search-body-base64", "BODY, base64", _base64, ratio=20, rounds=3),
    _benchmark("search-text", "TEXT", _anywhere, ratio=20, rounds=3),
)
