"""From folders of elsewhere to mailboxes here: allowed names, special uses, and no two folders in one by chance.

Accounts have mailboxes for special uses from the start (`mailgate.store.provisioning.SPECIAL`); a folder goes to one of
them by its attribute (RFC 6154) or else by a name that mail programs give it in French or English.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from imap.backend import OTHER_USERS, SHARED, Account
from imap.errors import CommandRefused, InvalidMailboxName, MailboxExists
from mailgate.store.names import INBOX, MAX_DEPTH, MAX_NAME_LENGTH, check_name
from mailgate.store.provisioning import SPECIAL

SPECIAL_NAMES: Final[Mapping[str, str]] = {use: name for _, name, use in SPECIAL if use is not None}
_USE_AT: Final = {name: use for use, name in SPECIAL_NAMES.items()}
_WELL_KNOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "\\Sent": (
        "sent",
        "sent items",
        "sent messages",
        "sent mail",
        "envoyés",
        "éléments envoyés",
        "messages envoyés",
        "objets envoyés",
        "courrier envoyé",
    ),
    "\\Drafts": ("drafts", "draft", "brouillons", "brouillon"),
    "\\Trash": (
        "trash",
        "deleted items",
        "deleted messages",
        "deleted",
        "corbeille",
        "éléments supprimés",
        "messages supprimés",
        "objets supprimés",
    ),
    "\\Junk": (
        "junk",
        "spam",
        "junk e-mail",
        "junk email",
        "bulk mail",
        "indésirables",
        "courrier indésirable",
        "courriels indésirables",
        "pourriel",
        "pourriels",
    ),
    "\\Archive": ("archive", "archives"),
}
_USE_OF: Final = {name: use for use, names in _WELL_KNOWN.items() for name in names}
_OTHERS: Final = frozenset({OTHER_USERS.rstrip("/"), SHARED.rstrip("/")})
"""First levels below which here are the mailboxes of others."""
_UNUSABLE: Final = re.compile(r"[/\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_MARK_LENGTH: Final = 8


@dataclass(frozen=True, slots=True)
class SourceFolder:
    """A folder as its source describes it."""

    key: str
    """The source's own name for it."""
    levels: tuple[str, ...]
    special_use: str | None = None
    subscribed: bool | None = None
    """None when the source does not say."""


def plan(sources: Iterable[SourceFolder]) -> list[tuple[SourceFolder, str]]:
    """Each folder with the mailbox that it goes to, INBOX first, parents before their children.

    Two folders come together only where both are, for instance, the Sent of some program.
    """
    ordered = sorted(sources, key=lambda source: (not _is_inbox(source), source.levels))
    special = _special(ordered)
    planned: list[tuple[SourceFolder, str]] = []
    taken: dict[str, str] = {}
    for source in ordered:
        name = special.get(source.key) or target_name(source.levels)
        if name != INBOX and name not in SPECIAL_NAMES.values():
            name = _free(name, source.key, taken)
        taken[name] = source.key
        planned.append((source, name))
    return planned


def _special(sources: Sequence[SourceFolder]) -> dict[str, str]:
    """The special mailbox of those folders that have one: the first with the attribute, else the first by name."""
    found: dict[str, str] = {}
    for source in sources:
        if source.special_use is not None and source.special_use in SPECIAL_NAMES and not _is_inbox(source):
            found.setdefault(source.special_use, source.key)
    for source in sources:
        use = _USE_OF.get(_folded(source.levels)) if source.special_use is None else None
        if use is not None:
            found.setdefault(use, source.key)
    return {key: SPECIAL_NAMES[use] for use, key in found.items()}


def _folded(levels: Sequence[str]) -> str:
    return unicodedata.normalize("NFC", levels[0]).casefold() if len(levels) == 1 else ""


def _is_inbox(source: SourceFolder) -> bool:
    return len(source.levels) == 1 and source.levels[0].upper() == INBOX


def target_name(levels: Sequence[str]) -> str:
    """A mailbox name that is allowed here, as near to these levels as can be."""
    clean = [unicodedata.normalize("NFC", _UNUSABLE.sub("_", level)) for level in levels if level] or ["_"]
    if clean[0].upper() == INBOX:
        clean[0] = INBOX
    if clean[0] in _OTHERS:
        clean[0] += "_"
    clean[MAX_DEPTH - 1 :] = ["_".join(clean[MAX_DEPTH - 1 :])] if len(clean) >= MAX_DEPTH else []
    name = "/".join(clean)
    if len(name) > MAX_NAME_LENGTH:
        name = f"{name[: MAX_NAME_LENGTH - _MARK_LENGTH - 1].rstrip('/')}~{_mark('/'.join(levels))}"
    try:
        check_name(name)
    except InvalidMailboxName:
        name = f"_~{_mark('/'.join(levels))}"
    return name


def _free(name: str, key: str, taken: Mapping[str, str]) -> str:
    """This name, or one beside it that no other folder of the source has."""
    if name not in taken:
        return name
    return f"{name[: MAX_NAME_LENGTH - _MARK_LENGTH - 1]}~{_mark(key)}"


def _mark(text: str) -> str:
    """A few characters that stay the same from one run to the next."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_MARK_LENGTH // 2).hexdigest()


async def ensure(account: Account, source: SourceFolder, name: str) -> None:
    """Make the mailbox if it is not there, subscribed as the source says. Raises CommandRefused."""
    try:
        await _create(account, name)
    except MailboxExists:
        return
    if source.subscribed is False:
        await account.unsubscribe(name)


async def _create(account: Account, name: str) -> None:
    """With the special use that the name stands for, unless a mailbox has it already: this one, or another by now."""
    use = _USE_AT.get(name)
    if use is not None:
        try:
            await account.create(name, use)
        except CommandRefused as error:
            if error.code != "USEATTR":
                raise
        else:
            return
    await account.create(name)
