"""Decisions about held messages: each is made once, in the transaction that delivers what it delivers."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import IO, Final

import msgspec
import structlog
from sqlalchemy import and_, bindparam, select

from directory.schema import address, list_, person
from imap.message import readable_text
from mailgate.database import Database, Statement, Tx
from mailgate.delivery import recipients, success
from mailgate.delivery.copies import Copies
from mailgate.delivery.notices import Notices
from mailgate.delivery.recipients import ListRecipient, PersonRecipient
from mailgate.moderation import held as table
from mailgate.moderation import outward
from mailgate.moderation.held import DELIVERED, OPEN, RETENTION, Direct, HeldMessage, State
from mailgate.moderation.letters import Letter, write
from mailgate.moderation.links import Service
from mailgate.moderation.telling import failure_of, success_report, wish_of
from mailgate.moderation.tokens import SENDER, Action, is_genuine, load_key, parse, sign
from mailgate.moderation.wording import Writer
from mailgate.policy.audit import record_in
from mailgate.policy.matrix import Verdict
from mailgate.policy.stops import schools_stopped_for, stop_of
from mailgate.policy.targets import OUTSIDE_WRITER
from mailgate.policy.writing import may_write
from mailgate.store import Dispatch, MailStore, Parcel
from mailgate.store.schema import account
from smtp.header import Header, read_fields
from smtp.message import Prepared

log = structlog.stdlib.get_logger("mailgate.moderation")

MAX_WORDS: Final = 1_000
"""Characters that a moderator may add to a refusal."""
PREVIEW: Final = 2_000
"""Characters of a message that a page shows."""
PREVIEW_READ: Final = 256 * 1024
_AT_ONCE: Final = 20
"""Messages whose time is over that are looked at in one go; then others, as many wait for the same hour."""
_TRIES: Final = 50
"""How often others may come between; each such time a decision about the same content was made."""

_NAME: Final = Statement(
    select(person.c.display, address.c.address)
    .join(account, and_(account.c.account_id == person.c.person_id, account.c.state == "active"))
    .join(address, and_(address.c.person_id == person.c.person_id, address.c.is_primary))
    .where(person.c.person_id == bindparam("account_id"))
)


_SCHOOL: Final = Statement(select(list_.c.school_id).where(list_.c.list_id == bindparam("list_id")))


class NoSuchMessageError(LookupError):
    """No held message has this number, or it was decided so long ago that nothing is known of it."""


class DecidedError(Exception):
    """Somebody was first, or the time is over: `held` says what became of the message."""

    def __init__(self, held: HeldMessage) -> None:
        super().__init__(held.state.value)
        self.held = held


class UndeliverableError(Exception):
    """The message cannot be delivered: the list or the person is gone, or (`stopped`) sending is stopped."""

    def __init__(self, *, stopped: bool = False, early: bool = False) -> None:
        gone = "its writer wants it to go when its time has come" if early else "the list or the person is gone"
        super().__init__("sending is stopped" if stopped else gone)
        self.stopped = stopped


class _ChangedError(Exception):
    """Another decision about the same content came between; look again."""


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decides: `name` is what others read, `actor` what the audit says."""

    name: str
    actor: str
    account_id: int | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A genuine token: this person may do this with that message."""

    held: HeldMessage
    action: Action
    slot: int
    decider: Decider


class Moderation:
    """Decides about held messages, for people with tokens, for administrators, and for the clock."""

    def __init__(
        self,
        database: Database,
        store: MailStore,
        service: Service,
        clock: Callable[[], float] = time.time,
        *,
        notices: Notices | None = None,
    ) -> None:
        """`notices` sends relatives outside what they want of what is approved; None: nothing leaves."""
        self._database = database
        self._store = store
        self.service = service
        self.clock = clock
        self._notices = notices
        self.release: Callable[[HeldMessage], Awaitable[bool]] | None = None
        """What lets go a message that was postponed; None: here nobody does."""
        self._key: bytes | None = None

    async def ticket(self, token: str) -> Ticket | None:
        """What a token allows; None when it is forged, or its owner has left."""
        claim = parse(token)
        if claim is None:
            return None
        key = await self._load_key()

        async def work(tx: Tx) -> Ticket | None:
            held = await table.find(tx, claim.held_id)
            if held is None:
                return None
            at_slot = claim.slot
            owner = held.sender_id if at_slot == SENDER else await table.moderator_in(tx, held.held_id, at_slot)
            if owner is None or not is_genuine(key, claim, owner, held.expires_at):
                return None
            row = await tx.one(_NAME, account_id=owner)
            if row is None:
                return None
            return Ticket(held.as_of(int(self.clock())), claim.action, at_slot, Decider(row[0], row[1], owner))

        return await self._database.read(work)

    async def token(self, ticket: Ticket, action: Action) -> str:
        """The token by which the same person does something else with the same message."""
        held, owner = ticket.held, ticket.decider.account_id
        return sign(await self._load_key(), held.held_id, ticket.slot, owner or 0, held.expires_at, action)

    async def _load_key(self) -> bytes:
        if self._key is None:
            self._key = await load_key(self._database)
        return self._key

    async def preview(self, held: HeldMessage) -> str:
        """The beginning of its text; empty when there is none, or when it is gone."""
        content = await table.read_content(self._database, held, PREVIEW_READ)
        if content is None:
            return ""
        with content:
            return readable_text(content.read(PREVIEW_READ), PREVIEW)

    async def find(self, held_id: int) -> HeldMessage:
        """One held message, as it is now. Raises NoSuchMessageError."""
        found = await self._database.read(lambda tx: table.find(tx, held_id))
        if found is None:
            raise NoSuchMessageError(str(held_id))
        return found.as_of(int(self.clock()))

    async def use(self, ticket: Ticket, words: str = "") -> HeldMessage:
        """Do what a ticket allows. Raises DecidedError, UndeliverableError."""
        held_id = ticket.held.held_id
        match ticket.action:
            case Action.APPROVE:
                return await self.approve(held_id, ticket.decider)
            case Action.REFUSE:
                return await self.refuse(held_id, ticket.decider, words)
            case Action.CANCEL:
                return await self.cancel(held_id, ticket.decider)
            case Action.REPLY:
                raise ValueError("an answer to a notice says what it decides")

    async def approve(self, held_id: int, by: Decider) -> HeldMessage:
        """Deliver it. Raises NoSuchMessageError, DecidedError, UndeliverableError."""
        return await self._settle(held_id, State.APPROVED, by)

    async def refuse(self, held_id: int, by: Decider, words: str = "") -> HeldMessage:
        """Do not deliver it, and tell the writer, in the decider's words too. Raises as `approve`."""
        return await self._settle(held_id, State.REFUSED, by, words.strip()[:MAX_WORDS])

    async def cancel(self, held_id: int, by: Decider) -> HeldMessage:
        """Take it back for its writer. Raises as `approve`."""
        return await self._settle(held_id, State.CANCELLED, by)

    async def withdraw(self, held_id: int, by: Decider) -> HeldMessage:
        """`cancel`, also when its time is over and nothing has come of it yet: what is withdrawn is not to go out."""
        return await self._settle(held_id, State.CANCELLED, by, clock=True)

    async def look_at_the_clock(self) -> int:
        """Send what has waited long enough and end what nobody decided in time; give their number.

        Any number of nodes may do this at once: each message is decided by one of them.
        """
        done = 0
        while True:
            now, before = int(self.clock()), done
            due = await self._database.read(partial(table.due, now=now, most=_AT_ONCE))
            for held_id in due:
                try:
                    done += await self._time_is_over(held_id)
                except Exception:
                    log.exception("a held message stays where it is", held_id=f"{held_id:x}")
            if len(due) < _AT_ONCE or done == before:
                return done

    async def forget(self) -> None:
        """The daily upkeep: what was decided long ago."""
        before = int(self.clock()) - RETENTION
        await self._database.write(lambda tx: table.forget(tx, before))

    async def _time_is_over(self, held_id: int) -> bool:
        held = await self._database.read(lambda tx: table.find(tx, held_id))
        if held is None or held.state not in OPEN:
            return False
        if held.kind == table.POSTPONED:
            return self.release is not None and await self.release(held)
        nobody = Decider("", "mailgate")
        try:
            if held.state is State.WAITING:
                try:
                    await self._settle(held_id, State.SENT, nobody, clock=True)
                except UndeliverableError:
                    await self._settle(held_id, State.EXPIRED, nobody, clock=True)
            else:
                await self._settle(held_id, State.EXPIRED, nobody, clock=True)
        except DecidedError:
            return False
        return True

    async def _settle(
        self, held_id: int, state: State, by: Decider, words: str = "", *, clock: bool = False
    ) -> HeldMessage:
        """Decide; `clock` says that it does not matter whether the time is over, as when the time decides. What is read
        is checked when it is written.
        """
        for _ in range(_TRIES):
            found = await self._database.read(lambda tx: table.find(tx, held_id))
            now = int(self.clock())
            if found is None:
                raise NoSuchMessageError(str(held_id))
            standing = found if clock else found.as_of(now)
            if found.kind == table.POSTPONED and state in DELIVERED:
                raise UndeliverableError(early=True)  # RFC 4865 section 4.2
            if standing.state not in OPEN or (state is State.SENT and found.state is not State.WAITING):
                raise DecidedError(standing)
            after = replace(found, state=state, decided_at=now, decided_by=by.name, words=words or None)
            with ExitStack() as stack:
                siblings = await self._database.read(partial(table.siblings_of, content_id=found.content_id))
                try:
                    parcels = await self._parcels(found, after, siblings, by, stack)
                    if after.state in DELIVERED and self._notices is not None:
                        parcels = await self._notices.joined(
                            parcels, _as_dispatch(after), now, require_tls=bool(after.require_tls)
                        )
                    first = _writing(found, after, siblings, by)
                    await self._store.deliver_all(parcels, first=first, dispatch=_dispatch(after))
                except _ChangedError:
                    continue
            log.info("held message decided", held_id=f"{held_id:x}", state=state.value)
            return after
        raise UndeliverableError

    async def _parcels(
        self, before: HeldMessage, after: HeldMessage, siblings: list[HeldMessage], by: Decider, stack: ExitStack
    ) -> list[Parcel]:
        """The message itself for those who have none of it yet, and the letters about it."""
        parcels = await self._copies(after, siblings, stack) if after.state in DELIVERED else []
        wish, post = wish_of(after), None
        if wish is not None and wish.account_id == OUTSIDE_WRITER and self._notices is not None:
            post = success.post_of(self._notices.settings.queue, after.require_tls)
        if after.state in DELIVERED and wish is not None and (post or await self.is_open(wish.account_id)):
            parcels += await success_report(self._database, self.service, after, parcels, post)
        writer = Writer(after.language, self.service.zone)

        def letter(letter: Letter, accounts: frozenset[int], to: str) -> None:
            content = write(letter, self.service, after, to)
            stack.enter_context(content)
            parcels.append(Parcel(content, accounts, list_id=None))

        asked = await self._database.read(lambda tx: table.moderators_in(tx, before.held_id))
        others = frozenset(one.account_id for one in asked) - {by.account_id}
        if others:
            letter(writer.told(after), frozenset(one for one in others if one is not None), "")
        if after.state in {State.REFUSED, State.EXPIRED}:
            parcels += await self._failed(after, writer, stack)
        return parcels

    async def _failed(self, held: HeldMessage, writer: Writer, stack: ExitStack) -> list[Parcel]:
        """The one letter to who wrote it, with the report to who sent it."""
        outside, wish = held.sender_id == OUTSIDE_WRITER, wish_of(held)
        if outside and wish is not None and not wish.failure:
            return []  # a letter without report could be taken for mail that was not asked for
        failure = await failure_of(self._database, self.service, held, outside=outside)
        content = write(writer.outcome(held), self.service, held, held.writer, failure=failure)
        stack.enter_context(content)
        if outside and self._notices is not None:
            told = await outward.parcel(self._database, self._notices.settings.queue, held, content)
            return [told] if told is not None else []
        readers = {held.sender_id, *([failure.account_id] if failure and failure.account_id else [])}
        there = frozenset([one for one in readers if await self.is_open(one)])
        return [Parcel(content, there, list_id=None)] if there else []

    async def is_open(self, account_id: int) -> bool:
        """Whether somebody has an account that is open."""
        return await self._database.read(lambda tx: tx.one(_NAME, account_id=account_id)) is not None

    async def _copies(self, held: HeldMessage, siblings: list[HeldMessage], stack: ExitStack) -> list[Parcel]:
        content = await table.read_content(self._database, held)
        if content is None:
            raise _ChangedError
        stack.enter_context(content)
        copies = Copies(_as_prepared(held, content), content, stack, self.service.imap_url)

        async def work(tx: Tx) -> list[Parcel]:
            people, lists = await _target(tx, held)
            if held.state is State.SENT:
                await _check_matrix(tx, held.sender_id, lists)
            parcels = await copies.parcels(tx, people, lists, None)
            before = await _have_it(tx, held, siblings)
            left = [replace(one, account_ids=one.account_ids - before) for one in parcels]
            return [one for one in left if one.account_ids or one.archive_id is not None]

        return await self._database.read(work)


def _writing(
    before: HeldMessage, after: HeldMessage, siblings: list[HeldMessage], by: Decider
) -> Callable[[Tx], Awaitable[None]]:
    async def work(tx: Tx) -> None:
        if after.state in DELIVERED:
            await _check_stops(tx, before)
        current = await table.siblings_of(tx, before.content_id, lock=True)
        if {one.held_id: one.state for one in current} != {one.held_id: one.state for one in siblings}:
            raise _ChangedError
        if not await table.decide(tx, before, after):
            raise _ChangedError
        if not any(one.state in OPEN for one in current if one.held_id != before.held_id):
            await table.let_go(tx, before.content_id)
        detail = f"{before.held_id:x} from {before.writer}"
        await record_in(
            tx, f"moderation {after.state}", before.target, detail, actor=by.actor, at=after.decided_at or 0
        )

    return work


async def _check_matrix(tx: Tx, sender_id: int, lists: Sequence[ListRecipient]) -> None:
    """What nobody looks at before it goes: its writer may have been excluded while it waited for its minutes."""
    for one in lists:
        if (await may_write(tx, sender_id, one.target)).verdict is not Verdict.ALLOW:
            raise UndeliverableError


async def _check_stops(tx: Tx, held: HeldMessage) -> None:
    """Raises UndeliverableError while a stop refuses the message; one that has messages approved, unless it was."""
    is_list = held.kind == "list"
    row = await tx.one(_SCHOOL, list_id=held.target_id) if is_list else None
    schools = frozenset([row[0]] if row is not None and row[0] is not None else [])
    if held.sender_id == OUTSIDE_WRITER and not is_list:
        schools = await schools_stopped_for(tx, held.target_id)
    lists = [held.target_id] if is_list else []
    stop = await stop_of(tx, held.sender_id, lists=lists, list_schools=schools, until_commit=True)
    if stop is not None and (stop.verdict is Verdict.REFUSE or held.state is State.WAITING):
        raise UndeliverableError(stopped=True)


def _dispatch(held: HeldMessage) -> Dispatch | None:
    """Under which copies that go out now are noted."""
    if held.state not in DELIVERED or held.dispatch_id is None:
        return None
    return _as_dispatch(held)


def _as_dispatch(held: HeldMessage) -> Dispatch:
    """A message as it was sent; its id is empty where it is not known."""
    author_id = held.author_id or held.sender_id
    return Dispatch(held.dispatch_id or "", held.sender_id, author_id, held.writer, held.message_ref, held.created_at)


def _as_prepared(held: HeldMessage, content: IO[bytes]) -> Prepared:
    header = Header(read_fields(content.read(held.header_size)))
    return Prepared(header, header, (held.writer,), None)


async def _target(tx: Tx, held: HeldMessage) -> tuple[list[int], list[ListRecipient]]:
    """Whom it is for, as they are now. Raises UndeliverableError."""
    match await recipients.resolve(tx, held.target):
        case ListRecipient(list_id=list_id) as found if held.kind == "list" and list_id == held.target_id:
            return [], [found]
        case PersonRecipient(account_id=account_id, open=True) if (
            held.kind == "person" and account_id == held.target_id
        ):
            return [account_id], []
    raise UndeliverableError


async def _have_it(tx: Tx, held: HeldMessage, siblings: list[HeldMessage]) -> frozenset[int]:
    """Who got the same message without waiting, or by another decision: nobody gets it twice."""
    direct = msgspec.json.decode(held.direct, type=Direct)
    delivered = [one for one in siblings if one.state in DELIVERED and one.held_id != held.held_id]
    people = [*direct.people, *(one.target_id for one in delivered if one.kind == "person")]
    lists = [*direct.lists, *(one.target_id for one in delivered if one.kind == "list")]
    return frozenset().union(*(await recipients.reached(tx, people, lists)).values())
