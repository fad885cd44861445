"""What a client does when it opens: select a huge mailbox, list all folders, catch up by QRESYNC."""

from __future__ import annotations

import re
from collections.abc import Sequence

from benchmarks.rows import mailboxes
from benchmarks.rows.benchmark import Benchmark, Row, Sample, Site

_HUGE = "Huge"
_RESYNC = "Resync"
_FOLDERS = 200
_IN_EACH = 5
_REPEATS = 5
_LIST = b'LIST "" "*" RETURN (STATUS (MESSAGES UNSEEN UIDNEXT UIDVALIDITY HIGHESTMODSEQ))'


async def _make_huge(site: Site) -> None:
    client = await site.selected(mailboxes.LARGE)
    await client.command(b"CREATE " + _HUGE.encode())
    whole, rest = divmod(site.scale.huge, site.scale.messages)
    for count in [site.scale.messages] * whole + [rest] * bool(rest):
        await client.command(b"COPY 1:%d %b" % (count, _HUGE.encode()))
    client.close()


async def _prepare_huge(site: Site) -> None:
    await mailboxes.large(site)
    await site.once("huge", _make_huge)


async def _select_huge(site: Site, _: int) -> Sequence[Sample]:
    client = await site.selected(_HUGE)

    async def work() -> None:
        for _ in range(_REPEATS):
            assert b"* %d EXISTS" % site.scale.huge in await client.command(b"SELECT " + _HUGE.encode())

    sample = await site.timed(work(), per=_REPEATS)
    client.close()
    return [sample]


async def _make_folders(site: Site) -> None:
    client = await site.signed_in(mailboxes.FOLDERS)
    await mailboxes.fill(client, "INBOX", site.corpus[:_IN_EACH])
    await client.command(b"SELECT INBOX")
    for number in range(_FOLDERS):
        await client.command(b"CREATE Dossier%03d" % number)
        await client.command(b"COPY 1:* Dossier%03d" % number)
    client.close()


async def _list_status(site: Site, _: int) -> Sequence[Sample]:
    client = await site.signed_in(mailboxes.FOLDERS)
    await client.command(_LIST)

    async def work() -> None:
        for _ in range(_REPEATS):
            assert (await client.command(_LIST)).count(b"* STATUS ") >= _FOLDERS

    sample = await site.timed(work(), per=_REPEATS)
    client.close()
    return [sample]


async def _make_resync(site: Site) -> None:
    client = await site.selected(mailboxes.LARGE)
    await client.command(b"CREATE " + _RESYNC.encode())
    await client.command(b"COPY 1:* " + _RESYNC.encode())
    client.close()


async def _prepare_resync(site: Site) -> None:
    await mailboxes.large(site)
    await site.once("resync", _make_resync)


async def _resync(site: Site, number: int) -> Sequence[Sample]:
    """Ten changes by another session, eight of flags and two expunged, while this one was away."""
    client = await site.signed_in()
    await client.command(b"ENABLE QRESYNC")
    opened = await client.command(b"SELECT " + _RESYNC.encode())
    known = _number(opened, b"UIDVALIDITY"), _number(opened, b"HIGHESTMODSEQ")
    await client.command(b"UNSELECT")
    other = await site.selected(_RESYNC)
    first = number * 10 + 1
    await other.command(b"UID STORE %d:%d +FLAGS (\\Flagged)" % (first, first + 7))
    await other.command(b"UID STORE %d:%d +FLAGS (\\Deleted)" % (first + 8, first + 9))
    await other.command(b"UID EXPUNGE %d:%d" % (first + 8, first + 9))
    other.close()
    request = b"SELECT %b (QRESYNC (%d %d))" % (_RESYNC.encode(), *known)
    answers: list[bytes] = []

    async def work() -> None:
        answers.append(await client.command(request))

    sample = await site.timed(work())
    client.close()
    assert answers[0].count(b" FETCH (") == 8, answers[0]
    assert b"* VANISHED (EARLIER) %d:%d\r\n" % (first + 8, first + 9) in answers[0], answers[0]
    return [sample]


def _number(answer: bytes, name: bytes) -> int:
    found = re.search(rb"\[%b (\d+)\]" % name, answer)
    assert found, answer
    return int(found[1])


BENCHMARKS = (
    Benchmark("select-huge", [Row("SELECT of {huge}, again", limit=50)], _select_huge, _prepare_huge),
    Benchmark(
        "list-status",
        [Row(f"LIST with STATUS of {_FOLDERS} folders")],
        _list_status,
        lambda site: site.once("folders", _make_folders),
    ),
    Benchmark("resync", [Row("QRESYNC of {messages} after 10 changes")], _resync, _prepare_resync, rounds=7),
)
