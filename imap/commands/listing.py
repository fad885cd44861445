"""LIST with its extensions, LSUB, NAMESPACE.

RFC 9051 sections 6.3.9 and 6.3.10, RFC 5258, RFC 5819 (STATUS), RFC 6154, RFC 8440 (MYRIGHTS), RFC 9590 (METADATA).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from imap.backend import OTHER_USERS, SHARED, MailboxRef, MailboxStatus
from imap.commands.acl import put_rights
from imap.commands.metadata import put_values
from imap.commands.status import counters_line, put_status
from imap.list_pattern import ListPattern
from imap.mailbox_tree import MailboxTree, list_line, parents
from imap.parsing.commands import Namespace
from imap.parsing.list import List, ListReturn, ListSelect, Lsub
from imap.parsing.status import StatusItem
from imap.parsing.wire import mailbox_name
from imap.responses import Completion
from imap.rights import annotatable, readable, tells_rights

if TYPE_CHECKING:
    from imap.session import Session


_AT_ONCE: Final = 50
"""Mailboxes whose annotations are read at once."""


async def namespace(session: Session, _tag: str, _command: Namespace) -> Completion:
    """NAMESPACE: personal mailboxes, those that people share, those that are nobody's own (RFC 2342)."""
    session.put(f'* NAMESPACE (("" "/")) (("{OTHER_USERS}" "/")) (("{SHARED}" "/"))\r\n'.encode())
    return Completion("NAMESPACE completed")


async def list_(session: Session, _tag: str, command: List) -> Completion:
    """LIST: one look at all mailboxes, whatever is asked."""
    if command.patterns == ("",) and not command.extended:
        session.put(b'* LIST (\\Noselect) "/" ""\r\n')
        return Completion("LIST completed")
    tree = await _read_tree(session, subscriptions=_needs_subscriptions(command))
    subscriptions, rights = _needs_subscriptions(command), ListReturn.MYRIGHTS in command.returns
    patterns = [ListPattern(command.reference, pattern) for pattern in command.patterns]
    names = list(_select(tree, command, patterns))
    counters = counters_line(command.status)
    if StatusItem.HIGHESTMODSEQ in command.status:
        session.enable_condstore()
    for start in range(0, len(names), _AT_ONCE):
        piece = names[start : start + _AT_ONCE]
        mailboxes = [tree.mailboxes.get(shown.name) for shown in piece]
        annotations = await _read_annotations(session, mailboxes, command)
        for shown, mailbox in zip(piece, mailboxes, strict=True):
            attributes = tree.attributes(shown.name, extended=command.extended, subscriptions=subscriptions)
            extended = b'"CHILDINFO" ("SUBSCRIBED")' if shown.child_info else b""
            session.put(list_line(shown.name, attributes, utf8=session.utf8, extended=extended))
            if mailbox is not None:
                if rights and shown.selected and tells_rights(mailbox.rights):
                    put_rights(session, mailbox.name, mailbox.rights)
                if command.status and readable(mailbox.rights):
                    if counters is not None:
                        session.put(counters(mailbox_name(mailbox.name, utf8=session.utf8), mailbox))
                    else:
                        await put_status(session, mailbox, command.status)
                if command.metadata and annotatable(mailbox.rights):
                    put_values(session, mailbox.name, command.metadata, annotations.get(mailbox.ref, {}))
            await session.spill()
    return Completion("LIST completed")


async def _read_annotations(
    session: Session, mailboxes: Sequence[MailboxStatus | None], command: List
) -> Mapping[MailboxRef, Mapping[str, bytes]]:
    if not command.metadata:
        return {}
    refs = [mailbox.ref for mailbox in mailboxes if mailbox is not None]
    return await session.account.annotation_values(refs, [entry.lower() for entry in command.metadata])


async def lsub(session: Session, _tag: str, command: Lsub) -> Completion:
    """LSUB: subscribed names, and the levels above them that ``%`` stops at (RFC 3501 6.3.9)."""
    tree = await _read_tree(session, subscriptions=True)
    pattern = ListPattern(command.reference, command.pattern)
    shown: dict[str, list[str]] = {}
    for name in sorted(tree.subscribed):
        if pattern.matches(name):
            shown[name] = []
            continue
        for parent in parents(name):
            if parent not in tree.subscribed and pattern.matches(parent):
                shown[parent] = ["\\Noselect"]
    for name, attributes in shown.items():
        session.put(list_line(name, attributes, utf8=session.utf8, response=b"LSUB"))
    return Completion("LSUB completed")


class _Shown(NamedTuple):
    name: str
    child_info: bool = False
    selected: bool = True
    """False for a name that is shown only for what is below it."""


async def _read_tree(session: Session, *, subscriptions: bool) -> MailboxTree:
    mailboxes = await session.account.mailboxes()
    return MailboxTree(mailboxes, await session.account.subscriptions() if subscriptions else ())


def _needs_subscriptions(command: List) -> bool:
    return ListSelect.SUBSCRIBED in command.select or ListReturn.SUBSCRIBED in command.returns


def _select(tree: MailboxTree, command: List, patterns: list[ListPattern]) -> Iterator[_Shown]:
    """The names to show, in order; RECURSIVEMATCH adds parents of names that are selected (RFC 5258 3.5)."""
    chosen = _chosen(tree, command)
    matching = _matching(chosen, patterns)
    if ListSelect.RECURSIVEMATCH not in command.select:
        if not _chooses(command):
            at_level = [pattern for pattern in patterns if pattern.stops_at_level]
            matching |= _matching(tree.levels, at_level)
        yield from map(_Shown, _ordered(tree, matching))
        return
    above = {parent for name in chosen for parent in parents(name)}
    above_hidden = {parent for name in chosen - matching for parent in parents(name)}
    shown_for_children = _matching(above_hidden - chosen, patterns)
    for name in _ordered(tree, matching | shown_for_children):
        yield _Shown(name, child_info=name in above, selected=name in matching)


def _chooses(command: List) -> bool:
    return ListSelect.SUBSCRIBED in command.select or ListSelect.SPECIAL_USE in command.select


def _chosen(tree: MailboxTree, command: List) -> set[str]:
    """The names that the selection options choose, whatever the patterns."""
    names = set(tree.subscribed) if ListSelect.SUBSCRIBED in command.select else set(tree.mailboxes)
    if ListSelect.SPECIAL_USE in command.select:
        names = {name for name in names if name in tree.mailboxes and tree.mailboxes[name].special_use}
    return names


def _ordered(tree: MailboxTree, names: set[str]) -> list[str]:
    """In the account's order, names without a mailbox at the end."""
    return [name for name in tree.mailboxes if name in names] + sorted(names - tree.mailboxes.keys())


def _matching(names: Collection[str], patterns: list[ListPattern]) -> set[str]:
    return set().union(*(filter(pattern.matches, names) for pattern in patterns))
