"""Export: an account's mail, or one mailbox of it, into a folder of Maildirs or mbox files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final

from imap.backend import EVERYTHING, Account, Entry, MailboxStatus
from imap.errors import MailboxNotFound
from imap.flags import flag_names
from imap.parsing import utf7
from mailgate.store.names import INBOX
from mailgate.transfer import mbox
from mailgate.transfer.archive import (
    MANIFEST,
    ArchiveError,
    Manifest,
    NamedFolder,
    component,
    read_manifest,
    replaced,
    write_manifest,
)
from mailgate.transfer.intake import BATCH_OCTETS
from mailgate.transfer.mail import Mail
from mailgate.transfer.maildir import MaildirWriter, unique_name
from mailgate.transfer.report import Advance, FolderReport, Report, quiet
from mailgate.transfer.spool import PIECE, Spool, close

_CHUNK: Final = 500
"""Entries that are looked up at once."""


class Format(StrEnum):
    """How mail is kept in files."""

    MAILDIR = "maildir"
    MBOX = "mbox"


async def export_account(
    account: Account,
    destination: Path,
    form: Format,
    *,
    folder: str | None = None,
    dry_run: bool = False,
    advance: Advance = quiet,
) -> Report:
    """Write an account's mailboxes, or the one named `folder`.

    A second export into the same Maildirs adds what is new, brings flags up to date and removes nothing. An mbox file
    is written anew, and takes the place of the old one when it is whole.

    Raises MailboxNotFound, ArchiveError when the destination holds something else, OSError.
    """
    statuses = [status for status in await own_mailboxes(account) if folder is None or status.name == folder]
    if not statuses:
        raise MailboxNotFound("No such mailbox")
    before = await asyncio.to_thread(_inspect, destination, form)
    subscribed = await account.subscriptions()
    placed = _places(statuses, form, before)
    if not dry_run:
        kept = {} if before is None else {one.name: one for one in before.folders}
        kept |= {
            status.name: NamedFolder(
                path=path, name=status.name, special_use=status.special_use, subscribed=status.name in subscribed
            )
            for status, path in placed
        }
        await asyncio.to_thread(write_manifest, destination, Manifest(format=form.value, folders=list(kept.values())))
    report = Report(dry_run)
    for status, path in placed:
        done = FolderReport(status.name, path or ".", status.messages, status.size)
        report.folders.append(done)
        if not dry_run:
            write = _to_maildir if form is Format.MAILDIR else _to_mbox
            await write(account, status, destination / path, done, advance)
    return report


async def own_mailboxes(account: Account) -> list[MailboxStatus]:
    """The account's own mailboxes, without those that others share with it."""
    return [status for status in await account.mailboxes() if status.ref.account_id == account.account_id]


def _inspect(destination: Path, form: Format) -> Manifest | None:
    """The manifest of an earlier export. Raises ArchiveError when something else is there."""
    manifest = read_manifest(destination)
    if manifest is None and destination.exists() and any(destination.iterdir()):
        raise ArchiveError(f"{destination} is not empty, and no export of mailgate (it has no {MANIFEST})")
    if manifest is not None and manifest.format != form:
        raise ArchiveError(f"{destination} holds an export to {manifest.format}: choose another folder")
    return manifest


def _places(
    statuses: Sequence[MailboxStatus], form: Format, before: Manifest | None
) -> list[tuple[MailboxStatus, str]]:
    """Where each mailbox goes, relative to the destination: where an earlier export put it, else a place of its own."""
    known = {} if before is None else {one.name: one.path for one in before.folders}
    taken = set(known.values())
    placed = []
    for status in statuses:
        path = known.get(status.name)
        if path is None or not _is_place(path):
            path = _maildir_place(status.name, taken) if form is Format.MAILDIR else _mbox_place(status.name, taken)
        placed.append((status, path))
    return placed


def _is_place(path: str) -> bool:
    """Whether a path of a manifest, which anybody may have written, stays in the folder."""
    return not Path(path).is_absolute() and ".." not in Path(path).parts and "\0" not in path


def _maildir_place(name: str, taken: set[str]) -> str:
    if name == INBOX:
        return ""
    levels = (utf7.encode(level).decode().replace(".", "_") for level in name.split("/"))
    return "." + component(".".join(levels), taken)


def _mbox_place(name: str, taken: set[str]) -> str:
    *parents, last = name.split("/")
    folder = "".join(component(parent, set()) + "/" for parent in parents)
    names = {path.removeprefix(folder).removesuffix(mbox.SUFFIX) for path in taken if path.startswith(folder)}
    path = folder + component(last, names) + mbox.SUFFIX
    taken.add(path)
    return path


async def _to_maildir(
    account: Account, status: MailboxStatus, folder: Path, report: FolderReport, advance: Advance
) -> None:
    keywords = (await account.changes(status.ref, EVERYTHING)).keywords
    writer = await asyncio.to_thread(MaildirWriter, folder, keywords)

    def present(mail: Mail) -> bool:
        if not writer.holds(mail.label):
            return False
        report.present += 1
        report.reflagged += writer.reflag(mail)
        return True

    def put(mail: Mail) -> None:
        writer.add(mail)
        report.keywords_dropped += not writer.keeps(mail.keywords)

    await _put_all(account, status, present, put, report, advance)


async def _to_mbox(account: Account, status: MailboxStatus, path: Path, report: FolderReport, advance: Advance) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with replaced(path) as file:
        await _put_all(account, status, lambda _: False, partial(mbox.write_message, file), report, advance)


async def _put_all(
    account: Account,
    status: MailboxStatus,
    present: Callable[[Mail], bool],
    put: Callable[[Mail], None],
    report: FolderReport,
    advance: Advance,
) -> None:
    """Write the messages of a mailbox in the order of their UIDs; those that are expunged meanwhile are left out."""

    def put_batch(batch: Sequence[Mail]) -> None:
        for mail in batch:
            try:
                put(mail)
            finally:
                close(mail.content)

    async for batch in _messages(account, status, present):
        await asyncio.to_thread(put_batch, batch)
        octets = sum(mail.size for mail in batch)
        report.copied += len(batch)
        report.copied_octets += octets
        advance(status.name, len(batch), octets)


async def _messages(
    account: Account, status: MailboxStatus, present: Callable[[Mail], bool]
) -> AsyncIterator[list[Mail]]:
    """The messages that are not `present`, in batches of bounded size."""
    snapshot = await account.snapshot(status.ref)
    masks = dict(zip(snapshot.uids, snapshot.flags, strict=True))
    for start in range(0, len(snapshot.uids), _CHUNK):
        batch: list[tuple[Entry, Mail]] = []
        octets = 0
        for entry in await account.entries(status.ref, snapshot.uids[start : start + _CHUNK]):
            unique = unique_name(entry.internal_date, snapshot.uidvalidity, entry.uid)
            mask = masks[entry.uid]
            keywords = tuple(name for name in flag_names(mask, snapshot.keywords) if not name.startswith("\\"))
            mail = Mail(unique, b"", entry.size, mask, keywords, entry.internal_date)
            if present(mail):
                continue
            if batch and octets + entry.size > BATCH_OCTETS:
                yield await _filled(account, batch)
                batch, octets = [], 0
            batch.append((entry, mail))
            octets += entry.size
        if batch:
            yield await _filled(account, batch)


async def _filled(account: Account, batch: Sequence[tuple[Entry, Mail]]) -> list[Mail]:
    """The same messages with their contents: small ones read in one go, a large one to a file, piece by piece."""
    if len(batch) == 1 and batch[0][0].size > PIECE:
        entry, mail = batch[0]
        spool = Spool()
        for start in range(0, entry.size, PIECE):
            spool.write(await account.read(entry.message_id, start, start + PIECE))
        return [replace(mail, content=spool.content())]
    contents = await account.read_whole({entry.message_id for entry, _ in batch})
    return [replace(mail, content=contents[entry.message_id]) for entry, mail in batch if entry.message_id in contents]
