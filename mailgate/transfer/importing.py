"""Import: Maildirs and mbox files into an account.

A mailbox gets what it lacks: of a message that the source holds twice and the mailbox once, one copy is added. So a run
that was killed is finished by running it again, a second run adds nothing, and mail that was deleted by mistake comes
back from an export. What has been moved to another mailbox since is lacking too.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imap.backend import Account
from imap.errors import CommandRefused, MailboxNotFound
from mailgate.store.contents import content_key, opened
from mailgate.transfer import maildir, mbox
from mailgate.transfer.archive import ArchiveError, Folder, Manifest, Unreadable, read_manifest
from mailgate.transfer.exporting import Format
from mailgate.transfer.folders import SourceFolder, ensure, plan
from mailgate.transfer.intake import Batch, Intake, over_quota, refusal
from mailgate.transfer.mail import Mail
from mailgate.transfer.report import Advance, FolderReport, Report, quiet
from mailgate.transfer.spool import close

_CHUNK: Final = 5000


@dataclass(frozen=True, slots=True)
class Source:
    """A folder on disk, and the mailbox that it goes to."""

    folder: Folder
    described: SourceFolder
    target: str


def open_archive(root: Path, form: Format | None, *, only: str | None = None, into: str | None = None) -> list[Source]:
    """The folders of mail in and below `root`, a folder or one mbox file.

    `only` names the one folder to take, as it is in the source or in the account; `into` gives the mailbox for it.

    Raises ArchiveError when there is nothing to read.
    """
    root = root.resolve()
    if not root.exists():
        raise ArchiveError(f"there is no {root}")
    manifest = read_manifest(root) if root.is_dir() else None
    folders = {folder.path: folder for folder in _discover(root, form, manifest)}
    planned = plan(_described(folder, manifest) for folder in folders.values())
    sources = [Source(folders[described.key], described, target) for described, target in planned]
    if only is not None:
        sources = [one for one in sources if only in {one.target, "/".join(one.described.levels), one.folder.path}]
        if not sources:
            raise ArchiveError(f"{root} has no folder {only!r}")
    if into is not None:
        if len(sources) != 1:
            raise ArchiveError(f"{root} holds {len(sources)} folders: name the one that goes into {into!r}")
        sources = [Source(sources[0].folder, sources[0].described, into)]
    return sources


def _discover(root: Path, form: Format | None, manifest: Manifest | None) -> Sequence[Folder]:
    if form is None and manifest is not None:
        form = Format(manifest.format) if manifest.format in set(Format) else None
    if form is None:
        form = Format.MBOX if root.is_file() else Format.MAILDIR
        try:
            return _discover(root, form, None)
        except ArchiveError:
            if root.is_file():
                raise
        try:
            return mbox.discover(root)
        except ArchiveError:
            raise ArchiveError(f"{root} holds neither Maildirs nor mbox files") from None
    return maildir.discover(root) if form is Format.MAILDIR else mbox.discover(root)


def _described(folder: Folder, manifest: Manifest | None) -> SourceFolder:
    named = None if manifest is None else manifest.by_path().get(folder.path)
    if named is None:
        return SourceFolder(folder.path, folder.levels)
    return SourceFolder(folder.path, tuple(named.name.split("/")), named.special_use, named.subscribed)


async def import_archive(
    intake: Intake, sources: Sequence[Source], *, dry_run: bool = False, advance: Advance = quiet
) -> Report:
    """Add what the account's mailboxes lack, a batch a transaction.

    Raises DatabaseError, OSError; batches that were committed by then stay.
    """
    report = Report(dry_run)
    room = await intake.room() if dry_run else None
    for source in sources:
        done = FolderReport("/".join(source.described.levels), source.target)
        report.folders.append(done)
        present = await contents_of(intake.account, source.target)
        if not dry_run:
            try:
                await ensure(intake.account, source.described, source.target)
            except CommandRefused as error:
                done.refuse("the whole folder", str(error))
                continue
        mails = iter(source.folder.mails())
        seen = octets = 0
        while batch := await asyncio.to_thread(_next_batch, mails, present, done, intake.account.append_limit):
            try:
                if dry_run:
                    room = _rehearse(batch, done, room)
                else:
                    await intake.append(source.target, batch, done)
            finally:
                for message in batch:
                    close(message.content)
            advance(source.target, done.messages - seen, done.octets - octets)
            seen, octets = done.messages, done.octets
        advance(source.target, done.messages - seen, done.octets - octets)
    return report


async def contents_of(account: Account, name: str) -> Counter[bytes]:
    """How many copies of each content a mailbox holds; none when it is not there."""
    try:
        status = await account.mailbox(name)
    except MailboxNotFound:
        return Counter()
    found: Counter[bytes] = Counter()
    uids = (await account.snapshot(status.ref)).uids
    for start in range(0, len(uids), _CHUNK):
        found.update(entry.message_id for entry in await account.entries(status.ref, uids[start : start + _CHUNK]))
    return found


def key_of(message: Mail) -> bytes:
    """The key under which the store keeps a content."""
    with ExitStack() as stack:
        return content_key(stack.enter_context(opened(message.content)))


def _next_batch(
    mails: Iterator[Mail | Unreadable], present: Counter[bytes], report: FolderReport, append_limit: int
) -> list[Mail]:
    """The next messages that the mailbox lacks, empty at the end; the others are counted."""
    batch = Batch()
    for mail in mails:
        report.messages += 1
        if isinstance(mail, Unreadable):
            report.refuse(mail.label, mail.reason)
            continue
        report.octets += mail.size
        reason = refusal(mail.size, append_limit)
        key = b"" if reason else key_of(mail)
        if reason is None and not present[key]:
            batch.add(mail)
            if batch.full:
                break
            continue
        close(mail.content)
        if reason is None:
            present[key] -= 1
            report.present += 1
        else:
            report.refuse(mail.label, reason)
    return batch.messages


def _rehearse(batch: Sequence[Mail], report: FolderReport, room: int | None) -> int | None:
    """Count what would be added."""
    for message in batch:
        if room is not None and message.size > room:
            report.refuse(message.label, over_quota(message.size))
            continue
        room = None if room is None else room - message.size
        report.copied += 1
        report.copied_octets += message.size
    return room
