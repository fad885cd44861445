"""Copy an account from another IMAP server: each message once, however often the copy is cut off and run again.

The state of a copy is the ledger, keyed by server, user, mailbox, UIDVALIDITY and UID of the source, and written in the
transaction that files the messages: a batch is there with its record, or not at all. So a message that somebody deletes
or moves here does not come back, and another run copies what is new at the source. Where the source's UIDVALIDITY
changed, all UIDs mean other messages (RFC 9051 section 2.3.1.1): then a message that the mailbox here holds, octet by
octet, is recorded and not filed again.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from imap.backend import Appended, FlagAction, MailboxRef
from imap.errors import CommandRefused
from mailgate.database import ConstraintViolated, Database, DatabaseError, Tx
from mailgate.transfer.exporting import own_mailboxes
from mailgate.transfer.folders import SourceFolder, ensure, plan
from mailgate.transfer.imap_answers import Fetched, close_fetched, flag_text
from mailgate.transfer.imap_protocol import ConnectionFailed, SourceError
from mailgate.transfer.imap_source import Login, Server, Source
from mailgate.transfer.imap_wire import Oversize
from mailgate.transfer.importing import contents_of, key_of
from mailgate.transfer.intake import BATCH_MESSAGES, BATCH_OCTETS, Intake, over_quota, refusal
from mailgate.transfer.ledger import Bound, Done, Known, Ledger
from mailgate.transfer.mail import Mail
from mailgate.transfer.report import Advance, FolderReport, Report, quiet

ATTEMPTS: Final = 5
"""Connections that may be lost in a row, with nothing copied in between, before the copy is given up."""
_FLAG_CHUNK: Final = 1000


@dataclass(frozen=True, slots=True)
class Manner:
    """How to copy."""

    dry_run: bool = False
    update_flags: bool = False
    """Give messages that were copied before the flags that the source has by now, where it changed them since."""
    rate: int = 0
    """Octets in a second that the source is asked for, on average; 0 for no bound."""
    first_pause: float = 2.0
    """Seconds before the second attempt; each pause after it is twice as long."""
    silence: float | None = None


def origin_of(server: Server, login: Login) -> str:
    """What the ledger calls an account elsewhere: not by its port, which changes with the way in."""
    return f"imap://{login.user}@{server.host.lower()}"


async def copy_account(
    database: Database,
    intake: Intake,
    server: Server,
    login: Login,
    manner: Manner,
    *,
    advance: Advance = quiet,
    expect: Callable[[int], None] = lambda _octets: None,
) -> Report:
    """Copy all mailboxes of an account; what goes wrong stands in the report.

    `expect` is told the octets of each mailbox that are to come.
    """
    copy = _Copy(database, intake, origin_of(server, login), manner, advance, expect)
    lost = 0
    while True:
        before = copy.report.total("copied")
        try:
            async with await Source.connect(
                server, login, literal_limit=intake.account.append_limit, silence=manner.silence
            ) as source:
                await copy.run(source)
                await source.close()
        except ConnectionFailed as error:
            lost = 1 if copy.report.total("copied") > before else lost + 1
            if not copy.report.folders:
                copy.report.error = str(error)  # nothing has begun: a wrong name, perhaps
                return copy.report
            if lost == ATTEMPTS:
                copy.report.error = f"{error}; run the command again to continue"
                return copy.report
            await asyncio.sleep(manner.first_pause * 2 ** (lost - 1))
        except ConstraintViolated:
            copy.report.error = "another command copies this account at the same time"
            return copy.report
        except (SourceError, CommandRefused, DatabaseError, OSError) as error:
            copy.report.error = str(error)
            return copy.report
        else:
            return copy.report


@dataclass(slots=True)
class _Mailbox:
    """A mailbox that is being copied."""

    folder: SourceFolder
    target: str
    report: FolderReport
    bound: Bound
    known: Counter[bytes]
    """Contents that are not to be filed again, after a change of UIDVALIDITY."""


class _Copy:
    """One account on its way, over as many connections as it takes."""

    def __init__(
        self,
        database: Database,
        intake: Intake,
        origin: str,
        manner: Manner,
        advance: Advance,
        expect: Callable[[int], None],
    ) -> None:
        self.report = Report(manner.dry_run)
        self._intake = intake
        self._account = intake.account
        self._ledger = Ledger(database, intake.account.account_id, origin)
        self._manner = manner
        self._advance = advance
        self._expect = expect
        self._reports: dict[str, FolderReport] = {}
        self._finished: set[str] = set()
        self._room: int | None = None
        self._began = time.monotonic()
        self._asked = 0

    async def run(self, source: Source) -> None:
        """Copy every mailbox that an earlier connection did not finish."""
        self._room = await self._intake.room()
        for folder, name in plan(await source.folders()):
            if folder.key in self._finished:
                continue
            report = self._reports.get(folder.key)
            if report is None:
                report = self._reports[folder.key] = FolderReport("/".join(folder.levels), name)
                self.report.folders.append(report)
            report.refused = 0
            report.refusals.clear()
            try:
                await self._mailbox(source, folder, report)
            except SourceError as error:
                if source.lost or isinstance(error, ConnectionFailed):
                    raise
                report.refuse("the whole mailbox", str(error))
            except CommandRefused as error:
                report.refuse("the whole mailbox", error.text)
            self._finished.add(folder.key)

    async def _mailbox(self, source: Source, folder: SourceFolder, report: FolderReport) -> None:
        validity = await source.examine(folder)
        known = await self._ledger.known(folder.key, validity)
        report.target = await self._target(known, report.target)
        uids, sizes = await source.sizes()
        done = await self._ledger.done(known.bound.source_id) if known.bound else {}
        report.messages, report.octets = len(uids), sum(sizes)
        report.present = sum(uid in done for uid in uids) - report.copied
        wanted = [(uid, size) for uid, size in zip(uids, sizes, strict=True) if uid not in done]
        self._expect(sum(size for _, size in wanted))
        if self._manner.dry_run:
            self._rehearse(wanted, report)
            return
        await ensure(self._account, folder, report.target)
        status = await self._account.mailbox(report.target)
        bound = await self._ledger.bind(folder.key, validity, status.ref.mailbox_id)
        held = await contents_of(self._account, report.target) if known.renewed else Counter()
        mailbox = _Mailbox(folder, report.target, report, bound, held)
        for batch in self._batches(wanted, report):
            await self._batch(source, mailbox, batch)
        if self._manner.update_flags:
            await self._update_flags(source, mailbox, done)

    async def _target(self, known: Known, planned: str) -> str:
        """Where earlier messages of this mailbox are by now, or else where they are planned to go."""
        last = known.bound.mailbox_id if known.bound else known.last_mailbox_id
        names = {status.ref.mailbox_id: status.name for status in await own_mailboxes(self._account)}
        return planned if last is None else names.get(last, planned)

    def _rehearse(self, wanted: Sequence[tuple[int, int]], report: FolderReport) -> None:
        sizes = dict(wanted)
        for batch in self._batches(wanted, report):
            report.copied += len(batch)
            report.copied_octets += sum(sizes[uid] for uid in batch)

    def _batches(self, wanted: Sequence[tuple[int, int]], report: FolderReport) -> Iterator[list[int]]:
        """The UIDs to fetch at once, without messages that cannot be taken: those are not even asked for."""
        batch: list[int] = []
        octets = 0
        for uid, size in wanted:
            # A server may not know a size, and give 0.
            reason = refusal(size or 1, self._account.append_limit)
            if reason is None and self._room is not None and size > self._room:
                reason = over_quota(size)
            if reason is not None:
                report.refuse(f"UID {uid}", reason)
                continue
            if batch and (octets + size > BATCH_OCTETS or len(batch) >= BATCH_MESSAGES):
                yield batch
                batch, octets = [], 0
            batch.append(uid)
            octets += size
            self._room = None if self._room is None else self._room - size
        if batch:
            yield batch

    async def _batch(self, source: Source, mailbox: _Mailbox, uids: Sequence[int]) -> None:
        try:
            found = await source.fetch(uids)
        except SourceError as error:
            if source.lost or isinstance(error, ConnectionFailed):
                raise
            if len(uids) == 1:
                mailbox.report.refuse(f"UID {uids[0]}", str(error))
                return
            for uid in uids:  # one that the server cannot give must not keep the others back
                await self._batch(source, mailbox, [uid])
            return
        try:
            await self._file(mailbox, found)
        finally:
            for message in found:
                close_fetched(message)
        octets = sum(message.size for message in found)
        self._advance(mailbox.target, len(found), octets)
        await self._pace(octets)

    async def _file(self, mailbox: _Mailbox, found: Sequence[Fetched]) -> None:
        adopted: list[tuple[int, int, str]] = []
        fresh: list[Mail] = []
        fetched: dict[str, Fetched] = {}
        for message in found:
            label = f"UID {message.uid}"
            if message.content is None or isinstance(message.content, Oversize):
                limit = self._account.append_limit
                mailbox.report.refuse(label, refusal(message.size, limit) or "the server gave no content")
                continue
            fetched[label] = message
            mail = Mail(label, message.content, message.size, message.flags, message.keywords, message.internal_date)
            key = key_of(mail) if mailbox.known else b""
            if mailbox.known[key]:
                mailbox.known[key] -= 1
                adopted.append((message.uid, 0, message.flag_text))
            else:
                fresh.append(mail)
        if adopted:
            await self._ledger.adopt(mailbox.bound.source_id, adopted)
            mailbox.report.present += len(adopted)

        async def record(tx: Tx, filed: Sequence[Mail], appended: Appended) -> None:
            pairs = zip((fetched[mail.label] for mail in filed), appended.uids, strict=True)
            await self._ledger.record(
                tx, mailbox.bound.source_id, [(message.uid, uid, message.flag_text) for message, uid in pairs]
            )

        await self._intake.append(mailbox.target, fresh, mailbox.report, record)

    async def _update_flags(self, source: Source, mailbox: _Mailbox, done: Mapping[int, Done]) -> None:
        """Set flags that the source changed since they were recorded; flags that only somebody here changed stay."""
        numbers = [uid for uid, one in done.items() if one.uid]
        ref = MailboxRef(self._account.account_id, mailbox.bound.mailbox_id)
        for start in range(0, len(numbers), _FLAG_CHUNK):
            now = await source.flags(numbers[start : start + _FLAG_CHUNK])
            changed = {uid: flags for uid, flags in now.items() if flag_text(*flags) != done[uid].flags}
            groups: dict[tuple[int, tuple[str, ...]], list[int]] = {}
            for uid, flags in changed.items():
                groups.setdefault(flags, []).append(done[uid].uid)
            for (mask, keywords), uids in groups.items():
                await self._account.store(ref, sorted(uids), FlagAction.REPLACE, mask, keywords)
            if changed:
                await self._ledger.reflag(
                    mailbox.bound.source_id, [(uid, flag_text(*flags)) for uid, flags in changed.items()]
                )
            mailbox.report.reflagged += len(changed)

    async def _pace(self, octets: int) -> None:
        """Wait as long as the bound on octets in a second asks for."""
        self._asked += octets
        if self._manner.rate:
            due = self._began + self._asked / self._manner.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
