"""One client's session: its state, what it enabled, and how each command is run and answered (RFC 9051 section 3)."""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from imap.backend import Account
from imap.capabilities import capabilities
from imap.clients import ClientKind
from imap.commands.dispatch import RULES, State
from imap.commands.fetch import put_items
from imap.commands.filters import resolve
from imap.commands.uidonly import require_uids
from imap.errors import AuthenticationFailed, BadCharset, BadCommand, ImapError
from imap.language import translated
from imap.notifications import EVERYTHING, push_waiting, put_waiting, stop_listening, tell_selected
from imap.parsing.append import Replace
from imap.parsing.commands import Command
from imap.parsing.esearch import Esearch
from imap.parsing.fetch import Fetch
from imap.parsing.fetch_items import FetchItem
from imap.parsing.literals import CommandInput, Literal, peek_command, peek_tag
from imap.parsing.parser import parse_command
from imap.parsing.search import Search
from imap.parsing.sort import Sort, Thread
from imap.parsing.store import Expunge, Move, Store
from imap.progress import Progress
from imap.reader import Refused
from imap.responses import Completion, status
from imap.selected.news import NewsStyle, take_arrivals, take_news
from imap.selected.view import View, Wanted
from imap.watching.listener import Listener

if TYPE_CHECKING:
    from imap.connection import Connection
    from imap.contexts import Contexts
    from imap.server import ServerContext

_NEWS_AT_ONCE: Final = 256
_SPILL: Final = 65_536
_NOTHING: Final[frozenset[Any]] = frozenset()
"""Python makes a new one of 216 octets each time."""

_SEARCHING: Final = (Search, Sort, Thread, Esearch)
_EXPUNGING: Final = (Expunge, Move, Replace)
_NUMBERED: Final = (Fetch, Store, Search, Sort, Thread)
"""Commands that speak of messages by their numbers, unless they begin with UID."""

_log = logging.getLogger(__name__)


class Session:
    """What the server knows of one client. Handlers in `imap.commands` work on it, one command at a time."""

    __slots__ = (
        "_account",
        "_bad_in_a_row",
        "_before_sign_in",
        "_idle_tag",
        "_out",
        "_out_size",
        "_patience",
        "_progress",
        "_sign_in",
        "client",
        "condstore",
        "connection",
        "context",
        "enabled",
        "ended",
        "failed_sign_ins",
        "is_outlook",
        "language",
        "listener",
        "news",
        "notifying",
        "own_arrivals",
        "view",
    )

    def __init__(self, connection: Connection, context: ServerContext) -> None:
        self.connection = connection
        self.context = context
        self.view: View | None = None
        self.enabled: frozenset[str] = _NOTHING
        """What ENABLE switched on (RFC 5161), in capitals."""
        self.condstore = False
        """The client is CONDSTORE-aware (RFC 7162 3.1)."""
        self.news = EVERYTHING
        """What it wants to hear of the selected mailbox."""
        self.notifying = False
        """It listens also outside of commands: NOTIFY SET is in force (RFC 5465)."""
        self.listener: Listener | None = None
        self.own_arrivals: frozenset[int] = _NOTHING
        """UIDs that its own command put into the selected mailbox, not announced yet."""
        self.language: str | None = None
        """What LANGUAGE chose (RFC 5255), None for i-default."""
        self.ended = False
        """Close after the command that runs."""
        self.failed_sign_ins = 0
        self.client = ClientKind.OTHER
        """What it said that it is."""
        self.is_outlook = False
        """The client said so: it breaks on an announced UIDONLY."""
        self._account: Account | None = None
        self._sign_in: object | None = None
        self._before_sign_in = 0
        self._bad_in_a_row = 0
        self._idle_tag: str | None = None
        self._out: list[bytes] = []
        self._out_size = 0
        self._progress = Progress(context.limits.progress_interval)
        self._patience: asyncio.TimerHandle | None = None

    # State

    @property
    def state(self) -> State:
        """Where the session stands."""
        if self._account is None:
            return State.NOT_AUTHENTICATED
        return State.AUTHENTICATED if self.view is None else State.SELECTED

    @property
    def signed_in(self) -> bool:
        """Whether the client has signed in."""
        return self._account is not None

    @property
    def account(self) -> Account:
        """The signed-in account. Raises BadCommand before sign-in."""
        if self._account is None:
            raise BadCommand("Sign in first")
        return self._account

    @property
    def selected(self) -> View:
        """The view of the selected mailbox. Raises BadCommand when none is selected."""
        if self.view is None:
            raise BadCommand("Select a mailbox first")
        return self.view

    @property
    def rev2(self) -> bool:
        """Whether the client enabled IMAP4rev2."""
        return "IMAP4REV2" in self.enabled

    @property
    def utf8(self) -> bool:
        """Whether mailbox names are UTF-8 on the wire, not modified UTF-7."""
        return self.rev2 or "UTF8=ACCEPT" in self.enabled

    @property
    def qresync(self) -> bool:
        """Whether the client enabled QRESYNC."""
        return "QRESYNC" in self.enabled

    @property
    def uidonly(self) -> bool:
        """Whether the client enabled UIDONLY: messages are named by UID alone (RFC 9586)."""
        return "UIDONLY" in self.enabled

    @property
    def idling(self) -> bool:
        """Whether an IDLE command is in progress."""
        return self._idle_tag is not None

    def greeting(self) -> bytes:
        """The first line (RFC 9051 7.1)."""
        return status("*", "OK", "mailgate ready", self.capability_code())

    def capability_code(self) -> str:
        """``CAPABILITY`` and what this session may use now."""
        return "CAPABILITY " + " ".join(capabilities(self))

    def sign_in(self, account: Account) -> None:
        """The client is who it says."""
        self._account = account
        reader = self.connection.reader
        reader.signed_in = True
        self.connection.sign_in()
        reader.message_limit = min(self.context.limits.message, account.append_limit or self.context.limits.message)
        if (observer := self.context.observer) is not None:
            sign_in = observer.signed_in(account.account_id, self.client)
            self._sign_in = sign_in if self.client is ClientKind.OTHER else None
        _log.info("signed in", extra={"account_id": account.account_id})

    def identify(self, client: ClientKind) -> None:
        """The client says what it is, before sign-in or after it (RFC 2971 section 3)."""
        self.client = client
        if client is ClientKind.OTHER or self._sign_in is None or self.context.observer is None:
            return
        sign_in, self._sign_in = self._sign_in, None
        self.context.observer.identified(sign_in, client)

    def sign_out(self) -> None:
        """Back to where the connection began, but for TLS: nothing of the person stays (RFC 8437 section 3).

        Sign-ins that failed are counted on, so that nobody guesses passwords by signing in and out.
        """
        self.unselect()
        stop_listening(self)
        self.news, self.notifying = EVERYTHING, False
        self._account = self._sign_in = None
        self.enabled = _NOTHING
        self.condstore = False
        self.language = None
        self._before_sign_in = 0
        self._bad_in_a_row = 0
        reader = self.connection.reader
        reader.signed_in = False
        reader.message_limit = self.context.limits.message
        self.connection.sign_out()
        _log.info("signed out")

    def enable_condstore(self) -> None:
        """The client becomes CONDSTORE-aware; a mailbox already selected tells where it stands (RFC 7162 3.1)."""
        if self.condstore:
            return
        self.condstore = True
        if self.view is not None:
            known = self.view.floor if self.view.vanished else self.view.mailbox.highestmodseq
            self.note("Highest", f"HIGHESTMODSEQ {known}")

    def unselect(self) -> None:
        """Leave the selected mailbox, if any."""
        if self.view is not None:
            self.context.registry.close(self.view)
            self.view = None
            tell_selected(self)

    def end(self) -> None:
        """The connection is gone."""
        self._idle_tag = None
        self.notifying = False
        self.unselect()
        stop_listening(self)

    # Output

    def put(self, data: bytes) -> None:
        """Add to the answer; it goes out with `spill` or at the end of the command."""
        self._out.append(data)
        self._out_size += len(data)

    def say(self, text: str, values: Mapping[str, object] | None = None) -> str:
        """A text in the client's language, its values filled in (RFC 5255 section 3.2)."""
        if self.language is not None:
            return translated(self.context.catalogue, self.language, text, values)
        return text.format(**values) if values else text

    def answer(
        self, tag: str, condition: str, text: str, code: str | None = None, values: Mapping[str, object] | None = None
    ) -> None:
        """Put a status response whose text is for people; the tag is ``*`` for an untagged one."""
        self.put(status(tag, condition, self.say(text, values), code))

    def note(self, text: str, code: str) -> None:
        """Put ``* OK [code] text``."""
        self.put(status("*", "OK", self.say(text), code))

    async def spill(self) -> None:
        """Send what was put when it is much: call this between the pieces of a long answer."""
        if self._out_size >= _SPILL:
            await self.flush()

    async def flush(self) -> None:
        """Send everything that was put, as fast as the client reads."""
        if self._out:
            data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
            self._out.clear()
            self._out_size = 0
            await self.connection.send(data)

    async def progress(self, done: int, total: int) -> None:
        """Tell how many messages are done when the command takes long (RFC 9585): call it between whole responses."""
        if self._progress.is_due():
            self.note("Still working", self._progress.code(done, total))
            await self.flush()

    def patience(self) -> AbstractContextManager[None]:
        """Tell now and then that the command is under way, while it waits for one long step (RFC 9585).

        Nothing may have been put that is no whole response.
        """
        return _Patience(self)

    def wait_on(self) -> None:
        """A long step has begun, or goes on."""
        if self._patience is not None and self._progress.is_due() and self.connection.can_write:
            self.connection.write(status("*", "OK", self.say("Still working"), self._progress.code(0, 0)))
        self._patience = asyncio.get_running_loop().call_later(self._progress.interval, self.wait_on)

    def wait_no_more(self) -> None:
        """The long step has ended."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    # Commands

    async def run(self, given: CommandInput) -> None:
        """Parse, execute and answer one command."""
        tag = peek_tag(_first_text(given)) or "*"
        self._progress.begin(tag)
        try:
            await self._answer(tag, given)
        except ImapError as error:
            self._refused(tag, error)
        except ConnectionError:
            self._out.clear()
            raise
        except Exception:
            _log.exception("internal error", extra={"verb": peek_command(_first_text(given)).verb})
            self.answer(tag, "NO", "Internal error", "SERVERBUG")
        finally:
            _close_files(given)
        self._count_before_sign_in()
        await self.flush()

    async def _answer(self, tag: str, given: CommandInput) -> None:
        name, command = parse_command(given, utf8=self.utf8)
        rule = RULES[type(command)]
        if self.state not in rule.states:
            raise BadCommand(_wrong_state(self.state))
        if isinstance(command, _SEARCHING):
            command = await resolve(self, command)
        if self.uidonly:
            require_uids(command)
        if isinstance(command, Fetch) and command.messages.open_ended:
            await self._tell_news(command, arrivals=True)
        try:
            completion = await rule.handler(self, name, command)
        except ImapError:
            await self._tell_news(command)
            await put_waiting(self)
            raise
        self._bad_in_a_row = 0
        if completion is not None:
            await self.finish(tag, command, completion)

    async def finish(self, tag: str, command: Command, completion: Completion) -> None:
        """Put the news that the command lets be told, then its completion."""
        await self._tell_news(command)
        await put_waiting(self)
        self.complete(tag, command, completion)

    def complete(self, tag: str, command: Command, completion: Completion) -> None:
        """Put the completion alone."""
        text, values = completion.text, completion.values
        if self.language is not None and text == f"{command.verb} completed":
            text, values = "{verb} completed", {"verb": command.verb}
        self.answer(tag, completion.condition, text, completion.code, values)

    def _refused(self, tag: str, error: ImapError) -> None:
        self.answer(tag, error.condition, error.text, error.code, error.values)
        if isinstance(error, BadCharset) and error.saves and self.view is not None:
            self.view.saved = ()
        if isinstance(error, BadCommand):
            self._count_bad()
        elif isinstance(error, AuthenticationFailed):
            self.failed_sign_ins += 1
            _log.info("sign-in refused", extra={"peer": self.connection.peer.host})
            if self.failed_sign_ins >= self.context.limits.failed_sign_ins:
                self.connection.end("Too many failed sign-ins")

    async def refuse(self, refused: Refused) -> None:
        """Answer a command that the reader refused."""
        self.answer(refused.tag, refused.condition, refused.text, refused.code, refused.values)
        self._count_bad()
        self._count_before_sign_in()
        await self.flush()

    def _count_bad(self) -> None:
        self._bad_in_a_row += 1
        if self._bad_in_a_row >= self.context.limits.bad_commands:
            self.connection.end("Too many bad commands")

    def _count_before_sign_in(self) -> None:
        if self._account is None:
            self._before_sign_in += 1
            if self._before_sign_in >= self.context.limits.commands_before_sign_in:
                self.connection.end("Too many commands before sign-in")

    # News

    def style(self, *, uid: bool = False) -> NewsStyle:
        """How FETCH responses that nobody asked for look to this client."""
        style = NewsStyle(
            vanished=self.qresync or self.uidonly,
            modseq=self.condstore,
            uid=uid or self.condstore or self.notifying,
            recent=not self.rev2,
            uidonly=self.uidonly,
        )
        return style if self.language is None else replace(style, note=self._noted)

    def _noted(self, text: str, code: str) -> bytes:
        return status("*", "OK", self.say(text), code)

    async def _tell_news(self, command: Command, *, arrivals: bool | None = None) -> None:
        """What other sessions did, as far as this command lets it be told (RFC 9051 7.5.1).

        A FETCH speaks of new messages only when it asks up to ``*``, and then before its answer: Thunderbird overlooks
        an EXISTS that comes while it reads messages, and heeds it in the IDLE that follows.
        """
        if self.view is not None:
            await self.tell(
                self.view,
                expunge=not _forbids_expunge(command),
                arrivals=not isinstance(command, Fetch) if arrivals is None else arrivals,
                uid=bool(getattr(command, "uid", False)),
                own_expunge=isinstance(command, _EXPUNGING),
            )

    async def tell(
        self, view: View, *, expunge: bool, arrivals: bool = True, uid: bool = False, own_expunge: bool = False
    ) -> None:
        """Put all news of the view that the client wants; ``own_expunge``: its command expunged messages."""
        if view.is_up_to_date:
            self.own_arrivals = _NOTHING
            return
        wanted = self.news
        wants = Wanted(
            expunges=expunge and (wanted.expunges or own_expunge),
            arrivals=arrivals and wanted.arrivals,
            flags=wanted.flags,
        )
        style = self.style(uid=uid)
        known = view.last_uid
        if view.contexts is not None:
            self.put(view.contexts.removals())
        self.put(take_news(view, style, wants, most=_NEWS_AT_ONCE))
        while wants.flags and view.changed:
            await self.spill()
            self.put(take_news(view, style, wants, most=_NEWS_AT_ONCE))
        await self._show_arrivals(view, known)
        if view.contexts is not None:
            await view.contexts.refresh(self.put, self._show)
        self.own_arrivals = _NOTHING

    async def tell_arrivals(self, view: View) -> None:
        """Put new messages, whatever else waits: the command itself brought one (RFC 8508 section 3.2)."""
        known = view.last_uid
        self.put(take_arrivals(view, self.style()))
        await self._show_arrivals(view, known)

    async def _show_arrivals(self, view: View, known: int) -> None:
        if self.news.items and view.last_uid > known:
            new = view.uids[bisect_right(view.uids, known, 0, view.count) : view.count]
            await self._show(new, self.news.items)

    async def _show(self, uids: Iterable[int], items: tuple[FetchItem, ...]) -> None:
        """Put what the client asked of new messages, but for its own (RFC 5465 sections 5.2 and 7)."""
        await put_items(self, self.selected, frozenset(uids) - self.own_arrivals, items)

    def begin_idle(self, tag: str) -> None:
        """IDLE from now on: news goes out as it comes (RFC 9051 6.3.13)."""
        self._idle_tag = tag
        self.connection.rest()

    def push(self) -> None:
        """Send news to a client that waits in IDLE or listens by NOTIFY, unless a command runs or the client is behind
        with reading: then later.
        """
        if not (self.idling or self.notifying) or self.connection.busy:
            return
        if self.view is not None:
            self._push_view(self.view)
        if self.listener is not None and not self.connection.busy:
            push_waiting(self)

    def _push_view(self, view: View) -> None:
        news = self.news
        expunges = news.expunges and (self.idling or not news.delayed)
        wants = Wanted(expunges=expunges, arrivals=news.arrivals, flags=news.flags)
        if view.contexts is not None and self.connection.can_write:
            self.connection.push(view.contexts.removals())
        if news.items and view.has_arrivals(wants):
            self.connection.begin(self._push_arrivals(view, expunge=expunges))
            return
        while view.has_news(wants) and self.connection.can_write:
            self.connection.push(take_news(view, self.style(), wants, most=_NEWS_AT_ONCE))
        if view.contexts is not None and view.contexts.in_doubt and self.connection.can_write:
            self.connection.begin(self._push_updates(view.contexts))

    async def _push_updates(self, contexts: Contexts) -> None:
        """What the news changed in results that are kept up to date (RFC 5267 4.3)."""
        await contexts.refresh(self.put, self._show)
        await self.flush()

    async def _push_arrivals(self, view: View, *, expunge: bool) -> None:
        """The same with what NOTIFY asked of new messages, which the store has to be asked for."""
        try:
            await self.tell(view, expunge=expunge)
        except ImapError as error:
            _log.info("new messages not shown: %s", error.code)
        await self.flush()

    async def end_idle(self, line: bytes) -> None:
        """The line that ends IDLE."""
        tag, self._idle_tag = self._idle_tag or "*", None
        if self.view is not None:
            await self.tell(self.view, expunge=True)
        await put_waiting(self)
        if line.strip().upper() == b"DONE":
            self.answer(tag, "OK", "{verb} completed", values={"verb": "IDLE"})
        else:
            self.answer(tag, "BAD", "Expected DONE")
            self._count_bad()
        await self.flush()


class _Patience:
    """A long step of a command; no generator, since every STORE and APPEND is one of these."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> None:
        self._session.wait_on()

    def __exit__(self, *error: object) -> None:
        self._session.wait_no_more()


def _forbids_expunge(command: Command) -> bool:
    """Commands that speak of messages by their numbers must not see these move (RFC 9051 7.5.1, RFC 5256 3)."""
    return isinstance(command, _NUMBERED) and not command.uid


def _wrong_state(state: State) -> str:
    if state is State.NOT_AUTHENTICATED:
        return "Sign in first"
    return "Select a mailbox first" if state is State.AUTHENTICATED else "Not now"


def _first_text(given: CommandInput) -> bytes:
    first = given.parts[0]
    return first if isinstance(first, bytes) else b""


def _close_files(given: CommandInput) -> None:
    for part in given.parts:
        if isinstance(part, Literal) and not isinstance(part.data, bytes):
            part.data.close()
