"""An account on another IMAP server: signed in to, listed and read, and never changed."""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

from mailgate.transfer.folders import SourceFolder
from mailgate.transfer.imap_answers import (
    Fetched,
    close_fetched,
    fetched_of,
    flags_of,
    is_fetch,
    items_of,
    levels_of,
    number_of,
    prefixes_of,
    starts_with,
    text_of,
    uid_set,
    words_of,
)
from mailgate.transfer.imap_protocol import ConnectionFailed, Protocol, Receive, SourceError
from mailgate.transfer.imap_wire import Response, Value, WireError, values
from mailgate.transfer.intake import BATCH_OCTETS

CONNECT: Final = 30.0
"""Seconds for connecting, TLS, and the greeting."""
_SPECIAL_USES: Final = {use.lower().encode(): use for use in ("\\Sent", "\\Drafts", "\\Trash", "\\Junk", "\\Archive")}
_VIEWS: Final = frozenset({b"\\all", b"\\flagged", b"\\important"})
"""Attributes of mailboxes that show messages of others (RFC 6154, RFC 8457): their messages come with the others."""
_UNSELECTABLE: Final = frozenset({b"\\noselect", b"\\nonexistent"})
_CODE: Final = re.compile(rb"\* OK \[UIDVALIDITY ([0-9]{1,10})\]", re.I)
_EXISTS: Final = re.compile(rb"\* ([0-9]{1,10}) EXISTS", re.I)
_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")
_TRANSIENT: Final = re.compile(r"\[(?:UNAVAILABLE|INUSE|LIMIT|THROTTLED|SERVERBUG)\b", re.I)


class Security(StrEnum):
    """How the connection is protected."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Server:
    """Where an account is."""

    host: str
    port: int
    security: Security = Security.TLS
    ca_file: Path | None = None
    """Trust these authorities, and not those of the system."""


@dataclass(frozen=True, slots=True)
class Login:
    """How to sign in; `master` is who signs in for the user, by SASL PLAIN (RFC 4616)."""

    user: str
    password: str = field(repr=False)
    master: str | None = None


class Source:
    """A signed-in connection. Every method raises SourceError, ConnectionFailed where trying again may help."""

    def __init__(self, protocol: Protocol, literal_limit: int) -> None:
        self._protocol = protocol
        self._literal_limit = literal_limit
        self._capabilities: frozenset[str] = frozenset()
        self._empty = False

    @classmethod
    async def connect(cls, server: Server, login: Login, *, literal_limit: int, silence: float | None = None) -> Self:
        """Connect and sign in. The certificate must be good for the host's name, and be trusted."""
        protocol = Protocol(literal_limit=literal_limit, **({} if silence is None else {"silence": silence}))
        source = cls(protocol, literal_limit)
        try:
            async with asyncio.timeout(CONNECT):
                await source._connect(server)
            await source._sign_in(login)
        except TimeoutError as error:
            protocol.close()
            raise ConnectionFailed(f"{server.host}:{server.port} does not answer") from error
        except ssl.SSLCertVerificationError as error:
            protocol.close()
            raise SourceError(f"the certificate of {server.host} cannot be trusted: {error.verify_message}") from error
        except OSError as error:
            protocol.close()
            raise ConnectionFailed(f"{server.host}:{server.port}: {error.strerror or error}") from error
        except BaseException:
            protocol.close()
            raise
        return source

    @property
    def lost(self) -> bool:
        """Whether the connection is of no use any more."""
        return self._protocol.lost is not None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._protocol.close()

    async def _connect(self, server: Server) -> None:
        context = ssl.create_default_context(cafile=server.ca_file)
        at_once = context if server.security is Security.TLS else None
        await self._protocol.loop.create_connection(lambda: self._protocol, server.host, server.port, ssl=at_once)
        greeting = await self._protocol.greeting
        if not isinstance(greeting[0], bytes) or not greeting[0].upper().startswith((b"* OK", b"* PREAUTH")):
            raise SourceError(f"{server.host} refused the connection: {words_of(greeting[0])}")
        if server.security is Security.STARTTLS:
            if greeting[0].upper().startswith(b"* PREAUTH"):
                raise SourceError(f"{server.host} offers no STARTTLS")
            self._protocol.state = aioimaplib_state(greeting)
            await self._ok("STARTTLS")
            await self._protocol.upgrade(context, server.host)
        self._protocol.state = aioimaplib_state(greeting)
        await self._ask_capabilities()

    async def _ask_capabilities(self) -> None:
        found: set[str] = set()

        def receive(response: Response) -> None:
            words = bytes(response[0]).upper().split() if isinstance(response[0], bytes) else []
            if words[1:2] == [b"CAPABILITY"]:
                found.update(word.decode("ascii", "replace") for word in words[2:])

        await self._ok("CAPABILITY", receive=receive)
        self._capabilities = frozenset(found)

    async def _sign_in(self, login: Login) -> None:
        if self._protocol.state != "NONAUTH":
            return
        if re.search(r"[\0\r\n]", "".join((login.user, login.password, login.master or ""))):
            raise SourceError("the user name or the password holds a control character")
        if "AUTH=PLAIN" in self._capabilities:
            who = (login.user, login.master) if login.master else ("", login.user)
            token = base64.b64encode("\0".join((*who, login.password)).encode())
            if "SASL-IR" in self._capabilities:
                status = await self._protocol.command("AUTHENTICATE", "PLAIN", token.decode())
            else:
                status = await self._protocol.command("AUTHENTICATE", "PLAIN", answers=[token])
        elif login.master:
            raise SourceError("the server offers no AUTH=PLAIN, which a master user needs")
        elif "LOGINDISABLED" in self._capabilities:
            raise SourceError("the server takes no password on this connection: use TLS or STARTTLS")
        elif not (login.user + login.password).isascii():
            raise SourceError("the server offers no AUTH=PLAIN, and LOGIN takes ASCII alone")
        else:
            status = await self._protocol.command("LOGIN", _quoted(login.user), _quoted(login.password))
        if status[0] != "OK":
            _raise_transient(status)
            raise SourceError(f"sign-in as {login.user} was refused: {words_of(status[1])}")
        self._protocol.state = "AUTH"
        await self._ask_capabilities()

    async def folders(self) -> list[SourceFolder]:
        """The person's own mailboxes that hold messages, without the prefix of their namespace (RFC 2342)."""
        prefix, foreign = await self._namespaces()
        listed = await self._list("LIST", prefix)
        names = {name for name, _, _ in listed}
        subscribed = {name for name, _, _ in await self._list("LSUB", prefix)} & names
        found = []
        for name, delimiter, attributes in listed:
            if attributes & (_VIEWS | _UNSELECTABLE) or any(name.startswith(one) for one in foreign):
                continue
            uses = [_SPECIAL_USES[one] for one in sorted(attributes) if one in _SPECIAL_USES]
            # A list without any subscription tells that nobody uses it, not that nothing is to be shown.
            known = name in subscribed or name.upper() == "INBOX" if subscribed else None
            levels = levels_of(name.removeprefix(prefix) or name, delimiter)
            found.append(SourceFolder(name, levels, uses[0] if uses else None, known))
        return found

    async def _namespaces(self) -> tuple[str, list[str]]:
        """The prefix of the person's own mailboxes, and those of other people's."""
        if "NAMESPACE" not in self._capabilities:
            return "", []
        answers: list[list[Value]] = []

        def receive(response: Response) -> None:
            if starts_with(response, b"* NAMESPACE "):
                answers.append(values(response, len(b"* NAMESPACE ")))

        await self._ok("NAMESPACE", receive=receive)
        groups = [list(prefixes_of(group)) for group in (answers[0] if answers else [])]
        own = groups[0] if groups else []
        foreign = [prefix for group in groups[1:] for prefix in group if prefix]
        return own[0] if own else "", foreign

    async def _list(self, command: str, prefix: str) -> list[tuple[str, str, frozenset[bytes]]]:
        """Names as they are on the wire, their delimiter, their attributes."""
        found: dict[str, tuple[str, frozenset[bytes]]] = {}

        def receive(response: Response) -> None:
            if not starts_with(response, f"* {command} ".encode()):
                return
            match values(response, len(f"* {command} ")):
                case [list() as attributes, delimiter, bytes() as name, *_]:
                    lowered = frozenset(one.lower() for one in attributes if isinstance(one, bytes))
                    delimiter = delimiter if isinstance(delimiter, bytes) else b""
                    if not _CONTROL.search(name):
                        found[name.decode("latin-1")] = (delimiter.decode("latin-1"), lowered)
                case _:
                    raise WireError(f"the server's answer to {command} cannot be read")

        await self._ok(command, '""', '"*"', receive=receive)
        if prefix and "INBOX" not in {name.upper() for name in found}:
            await self._ok(command, '""', "INBOX", receive=receive)
        return [(name, *rest) for name, rest in found.items()]

    async def examine(self, folder: SourceFolder) -> int:
        """Open a mailbox without marking anything; give its UIDVALIDITY, 0 where the server has none."""
        validity = 0
        self._empty = False

        def receive(response: Response) -> None:
            nonlocal validity
            code = _CODE.match(text_of(response))
            validity = int(code[1]) if code else validity
            exists = _EXISTS.match(text_of(response))
            self._empty = int(exists[1]) == 0 if exists else self._empty

        await self._ok("EXAMINE", _quoted(folder.key), receive=receive)
        self._protocol.state = "SELECTED"
        return validity

    async def sizes(self) -> tuple[array[int], array[int]]:
        """The UIDs of the open mailbox in ascending order, and the size of each message as the server tells it."""
        found: dict[int, int] = {}

        def receive(response: Response) -> None:
            if is_fetch(response):
                items = items_of(response)
                uid = number_of(items.get(b"UID"))
                if uid:
                    found[uid] = number_of(items.get(b"RFC822.SIZE"))

        if not self._empty:
            await self._fetch("1:*", "(UID RFC822.SIZE)", receive)
        uids = array("q", sorted(found))
        return uids, array("q", (found[uid] for uid in uids))

    async def flags(self, uids: Sequence[int]) -> dict[int, tuple[int, tuple[str, ...]]]:
        """The flags of these messages; those that are gone are left out."""
        found: dict[int, tuple[int, tuple[str, ...]]] = {}

        def receive(response: Response) -> None:
            if is_fetch(response):
                items = items_of(response)
                if b"FLAGS" in items:
                    found[number_of(items.get(b"UID"))] = flags_of(items[b"FLAGS"])

        await self._fetch(uid_set(uids), "(UID FLAGS)", receive)
        return {uid: found[uid] for uid in uids if uid in found}

    async def fetch(self, uids: Sequence[int]) -> list[Fetched]:
        """These messages, in ascending order of UID; those that are gone are left out.

        Raises SourceError when the server does not give one of them.
        """
        found: dict[int, Fetched] = {}

        def receive(response: Response) -> None:
            if not is_fetch(response):
                return
            message = fetched_of(items_of(response))
            if message is not None and message.uid in wanted and message.uid not in found:
                found[message.uid] = message
            elif message is not None:
                close_fetched(message)

        wanted = frozenset(uids)
        self._protocol.budget = 4 * (self._literal_limit + BATCH_OCTETS)
        try:
            await self._fetch(uid_set(uids), "(UID FLAGS INTERNALDATE BODY.PEEK[])", receive)
        except BaseException:
            for message in found.values():
                close_fetched(message)
            raise
        finally:
            self._protocol.budget = None
        return [found[uid] for uid in sorted(found)]

    async def _fetch(self, uids: str, items: str, receive: Receive) -> None:
        await self._ok("FETCH", uids, items, prefix="UID", receive=receive)

    async def close(self) -> None:
        """Say goodbye."""
        try:
            async with asyncio.timeout(CONNECT):
                await self._protocol.command("LOGOUT")
        except (TimeoutError, SourceError):
            pass  # it is done with us anyway
        self._protocol.close()

    async def _ok(self, name: str, *arguments: str, **options: object) -> None:
        status = await self._protocol.command(name, *arguments, **options)  # type: ignore[arg-type]
        if status[0] != "OK":
            _raise_transient(status)
            raise SourceError(f"{name} was refused: {words_of(status[1])}")


def _raise_transient(status: tuple[str, str]) -> None:
    if _TRANSIENT.match(status[1]):
        raise ConnectionFailed(words_of(status[1]))


def aioimaplib_state(greeting: Response) -> str:
    """The state of the connection after this greeting, by aioimaplib's name."""
    return "AUTH" if starts_with(greeting, b"* PREAUTH") else "NONAUTH"


def _quoted(text: str) -> str:
    """A quoted string (RFC 9051 section 9)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
