"""A message on its way in that is to wait: what is written for it in the transaction that accepts it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import IO, Final

import msgspec

from directory.schema import new_id
from mailgate.database import Database, Tx
from mailgate.database.contract import Work
from mailgate.delivery import recipients
from mailgate.delivery.posting import subject_of
from mailgate.delivery.recipients import ListRecipient, Moderated
from mailgate.i18n import Language
from mailgate.moderation import held as table
from mailgate.moderation.held import Direct, HeldMessage, State
from mailgate.moderation.letters import Letter, write
from mailgate.moderation.links import Service, link
from mailgate.moderation.moderators import Moderator, moderators_of
from mailgate.moderation.tokens import SENDER, Action, load_key
from mailgate.moderation.wording import Writer
from mailgate.policy.schools import language_of_school
from mailgate.policy.targets import OUTSIDE_WRITER
from mailgate.store import Parcel
from mailgate.store.dispatches import Dispatch
from smtp.message import Prepared

ATTACHED_AT_MOST: Final = 40 * 1024 * 1024
"""Octets of a message times its moderators, each of whom gets it attached to a notice; beyond that nobody does."""
MAX_SUBJECT: Final = 200
_MESSAGE_ID: Final = re.compile(r"<[!-;=?-~]{1,200}>")


@dataclass(frozen=True, slots=True)
class Message:
    """A message ready to be kept: `content` is the whole of it, `header_size` octets of which are its header."""

    prepared: Prepared
    content: IO[bytes]
    size: int
    require_tls: bool = False

    @property
    def subject(self) -> str:
        """In letters that can be shown, cut."""
        return subject_of(self.prepared.header)[:MAX_SUBJECT]

    @property
    def reference(self) -> str:
        """Its Message-ID, when others may refer to it."""
        return self.prepared.message_id if _MESSAGE_ID.fullmatch(self.prepared.message_id) else ""


@dataclass(frozen=True, slots=True)
class Held:
    """What goes into the transaction that accepts a message."""

    parcels: list[Parcel]
    """The notices."""
    reach: int
    """Mailboxes that it would reach."""
    write: Work[None]


@dataclass(frozen=True, slots=True)
class Later:
    """A message that is to be sent later: for how many `recipients`, which `target` names."""

    envelope: str
    """A `mailgate.delivery.postponing.Postponed` as JSON."""
    target: str
    recipients: int
    accepted_at: int
    language: Language | None


class Holding:
    """Holds messages for one gateway."""

    def __init__(self, database: Database, service: Service, *, language: Language, expiry: int) -> None:
        """`expiry`: seconds that moderators have."""
        self._database = database
        self._service = service
        self._language = language
        self._expiry = expiry
        self._key: bytes | None = None

    async def key(self) -> bytes:
        """What tokens are signed with."""
        if self._key is None:
            self._key = await load_key(self._database)
        return self._key

    async def hold(
        self,
        dispatch: Dispatch,
        message: Message,
        wanted: Sequence[Moderated | ListRecipient],
        direct: tuple[Sequence[int], Sequence[ListRecipient]],
        stack: ExitStack,
        wishes: Mapping[int, str],
    ) -> Held:
        """Prepare to hold a message, accepted as `dispatch`, for these recipients, lists in `wanted` for their minutes.

        `direct` are the people and lists that get it at once. The notices are files until `stack` closes.
        `wishes` are those of `mailgate.delivery.success`, by list or account.
        """
        people, lists = direct
        base = self._base(dispatch, message, Direct(tuple(people), tuple(one.list_id for one in lists)))
        rows = [
            await self._database.read(
                partial(self._row, base=replace(base, wish=wishes.get(recipients.number_of(one))), wanted=one)
            )
            for one in wanted
        ]
        key = await self.key()
        parcels = [
            parcel for held, moderators in rows for parcel in self._notices(key, held, moderators, message, stack)
        ]
        return Held(parcels, sum(held.reach for held, _ in rows), lambda tx: table.put(tx, message.content, rows))

    async def postpone(
        self, dispatch: Dispatch, message: Message, later: Later, stack: ExitStack
    ) -> Held:  # fmt: skip
        """Prepare to hold all of a message until its writer's time, which is that of `dispatch`."""
        row = replace(
            self._base(dispatch, message, Direct()), held_id=new_id(), state=State.WAITING, reason=table.LATER,
            kind=table.POSTPONED, target=later.target, reach=later.recipients, created_at=later.accepted_at,
            expires_at=dispatch.at, envelope=later.envelope, language=later.language or self._language,
        )  # fmt: skip
        parcels = self._notices(await self.key(), row, [], message, stack)
        return Held(parcels, row.reach, lambda tx: table.put(tx, message.content, [(row, [])]))

    def _base(self, dispatch: Dispatch, message: Message, direct: Direct) -> HeldMessage:
        return HeldMessage(
            held_id=0,
            content_id=new_id(),
            state=State.HELD,
            reason="",
            language=self._language,
            sender_id=dispatch.sender_id,
            writer=message.prepared.authors[0],
            kind="",
            target_id=0,
            target="",
            label="",
            subject=message.subject,
            message_ref=message.reference,
            size=message.size,
            header_size=message.prepared.header.size,
            reach=1,
            direct=msgspec.json.encode(direct).decode(),
            created_at=dispatch.at,
            expires_at=0,
            dispatch_id=dispatch.dispatch_id,
            author_id=dispatch.author_id,
            require_tls=int(message.require_tls),
        )

    async def _row(
        self, tx: Tx, base: HeldMessage, wanted: Moderated | ListRecipient
    ) -> tuple[HeldMessage, Sequence[Moderator]]:
        found = wanted.found if isinstance(wanted, Moderated) else wanted
        if isinstance(found, ListRecipient):
            reach = len((await recipients.reached(tx, [], [found.list_id]))[found.list_id])
            target_id = found.list_id
            row = replace(base, kind="list", target=found.address, label=found.label, reach=reach)
        else:
            target_id = found.account_id
            row = replace(base, kind="person", target=wanted.address)
        moderators: Sequence[Moderator] = []
        if isinstance(wanted, Moderated):
            school_id = wanted.school_id
            moderators = await moderators_of(tx, base.sender_id, found.target, target_id, school_id)
            row = replace(row, reason=wanted.reason, expires_at=base.created_at + self._expiry)
        else:
            school_id = wanted.target.school_id
            due = base.created_at + 60 * wanted.hold_minutes
            row = replace(row, state=State.WAITING, reason=table.DELAY, expires_at=due)
        language = await language_of_school(tx, school_id, self._language)
        return replace(row, held_id=new_id(), target_id=target_id, language=language), moderators

    def _notices(
        self, key: bytes, held: HeldMessage, moderators: Sequence[Moderator], message: Message, stack: ExitStack
    ) -> list[Parcel]:
        writer = Writer(held.language, self._service.zone)
        attached = message.size * len(moderators) <= ATTACHED_AT_MOST
        original = message.content if attached else None
        parcels = []

        def parcel(letter: Letter, account_id: int, to: str, original: IO[bytes] | None = None) -> None:
            content = write(letter, self._service, held, to, original)
            stack.enter_context(content)
            parcels.append(Parcel(content, frozenset([account_id]), list_id=None))

        for slot, one in enumerate(moderators, 1):
            approve, refuse, reply = (
                link(self._service, key, held, slot, one.account_id, action)
                for action in (Action.APPROVE, Action.REFUSE, Action.REPLY)
            )
            notice = writer.notice(held, approve, refuse, reply.mail, attached=attached)
            parcel(notice, one.account_id, one.address, original)
        if held.sender_id != OUTSIDE_WRITER:
            cancel = link(self._service, key, held, SENDER, held.sender_id, Action.CANCEL)
            parcel(writer.confirmation(held, cancel), held.sender_id, held.writer)
        return parcels
