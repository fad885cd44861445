"""Junk, weighed by rspamd: its HTTP protocol, ``/checkv2`` (https://docs.rspamd.com/developers/protocol)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Final
from urllib.parse import quote

import httpx
import msgspec

from mailgate.filtering.contract import Action, Arriving, Finding, Unavailable, deferred, refused
from mailgate.i18n import Language, translator
from smtp.handler import Envelope

CONNECTIONS: Final = 50
_MOST_OCTETS: Final = 1024 * 1024
"""Of an answer."""
_MOST_FIELDS: Final = 50
_LONGEST_FIELD: Final = 4_000
_FIELD_NAME: Final = re.compile(r"[!-9;-~]{1,76}")
_OURS_TEXT: Final = """
return-path received authentication-results from sender reply-to to cc bcc subject date message-id in-reply-to
references mime-version x-spam-flag x-spam-status dkim-signature
"""
_OURS: Final = frozenset(_OURS_TEXT.split())
"""Fields that are not rspamd's to add: the gateway's own, and what a message has once and its writer wrote."""
_SYMBOLS: Final = 15
_REJECT: Final = frozenset({"reject", "discard"})
"""``discard`` takes a message and loses it: nobody would know."""
_JUNK: Final = frozenset({"add header", "rewrite subject", "quarantine"})
_DEFER: Final = frozenset({"greylist", "soft reject"})


class _Symbol(msgspec.Struct):
    score: float = 0.0


class _Milter(msgspec.Struct):
    add_headers: dict[str, Any] = {}


class _Answer(msgspec.Struct):
    """What counts of an answer."""

    action: Annotated[str, msgspec.Meta(max_length=100)]
    score: float = 0.0
    required_score: float = 0.0
    symbols: dict[str, _Symbol] = {}
    milter: _Milter = msgspec.field(default_factory=_Milter)


_decoder: Final = msgspec.json.Decoder(_Answer)


class Rspamd:
    """A `Check`."""

    name = "rspamd"

    def __init__(self, url: str, language: Language, *, hostname: str, password: str = "", max_size: int) -> None:
        """`hostname` is the gateway's; larger messages than `max_size` octets are not sent to it: junk is small."""
        self._language = language
        self._hostname = hostname
        self._max_size = max_size
        self._client = client(url, password)

    async def examine(self, arriving: Arriving) -> Finding:
        """Do as rspamd says. Raises Unavailable."""
        if len(arriving.content) > self._max_size:
            return Finding(reason="too large to be looked at")
        answer = await self._asked(arriving)
        reason = _reason(answer)
        if answer.action in _REJECT:
            text = _("This message looks like junk and is not accepted.")
            return refused(await self._words(arriving, text), reason)
        if answer.action in _DEFER:
            text = _("This message is not accepted yet. Please try again in a few minutes.")
            return deferred(await self._words(arriving, text), reason)
        action = Action.JUNK if answer.action in _JUNK else Action.ACCEPT
        return Finding(action, reason, b"".join(_fields(answer.milter.add_headers)))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _words(self, arriving: Arriving, text: str) -> str:
        language = (await arriving.audience.concerned()).reader_language(self._language)
        return translator(language)(text)

    async def _asked(self, arriving: Arriving) -> _Answer:
        try:
            request = self._client.build_request(
                "POST", "/checkv2", headers=_told(arriving, self._hostname), content=_blocks(arriving)
            )
            response = await self._client.send(request, stream=True)
            try:
                text = await _read(response)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise Unavailable(f"no answer of rspamd: {type(error).__name__}") from error
        if response.status_code != httpx.codes.OK:
            raise Unavailable(f"rspamd answers {response.status_code}")
        try:
            return _decoder.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise Unavailable("rspamd gives an answer that cannot be read") from error


def client(url: str, password: str) -> httpx.AsyncClient:
    """One for all messages of a process. The chain of checks limits the time of an answer."""
    return httpx.AsyncClient(
        base_url=url,
        headers={"Password": password} if password else {},
        timeout=httpx.Timeout(None, connect=5.0),
        limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=10),
        trust_env=False,
    )


async def ping(url: str, password: str) -> str:
    """What it is. Raises Unavailable."""
    async with client(url, password) as asked:
        try:
            response = await asked.get("/ping")
        except httpx.HTTPError as error:
            raise Unavailable(f"no answer of rspamd at {url}: {type(error).__name__}") from error
    if response.status_code != httpx.codes.OK or response.text.strip() != "pong":
        raise Unavailable(f"what answers at {url} is no rspamd")
    return str(response.headers.get("Server", "rspamd"))


async def _blocks(arriving: Arriving) -> AsyncIterator[bytes]:
    for block in arriving.blocks():
        yield block


async def _read(response: httpx.Response) -> bytes:
    """Raises Unavailable for an answer without end."""
    held = b""
    async for piece in response.aiter_bytes():
        held += piece
        if len(held) > _MOST_OCTETS:
            raise Unavailable("rspamd gives too long an answer")
    return held


def _told(arriving: Arriving, hostname: str) -> list[tuple[str, str]]:
    """What rspamd wants to know that the message does not say."""
    transaction = arriving.transaction
    peer = transaction.peer
    known = [
        ("Content-Length", str(len(arriving.content))),
        ("Queue-Id", arriving.identity),
        ("IP", _address(peer.host)),
        ("Helo", transaction.helo),
        ("From", transaction.mail_from),
        *(("Rcpt", recipient.address) for recipient in transaction.recipients),
        ("MTA-Name", hostname),
    ]
    if isinstance(transaction, Envelope):
        known.append(("User", transaction.sender.username))
    if peer.tls:
        version, _, cipher = peer.tls.partition(" ")
        known += [("TLS-Version", version), ("TLS-Cipher", cipher)]
    return [(name, _value(value)) for name, value in known if value]


def _address(host: str) -> str:
    """Of a peer that has one: over a Unix socket none has."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return ""


def _value(text: str) -> str:
    """A value as an HTTP field may have it; what has letters beyond ASCII is percent-encoded."""
    printable = "".join(one for one in text if one.isprintable())
    return printable if printable.isascii() else quote(printable, safe="@<>\"' +=-_.!#$&*/?^`{|}~")


def _reason(answer: _Answer) -> str:
    """In the words of SpamAssassin, which mail programs and people know; the rules that weigh most."""
    heavy = sorted(answer.symbols, key=lambda name: -answer.symbols[name].score)[:_SYMBOLS]
    rules = ",".join(re.sub(r"[^A-Za-z0-9_]", "_", name)[:64] for name in heavy if answer.symbols[name].score > 0)
    return f"score={answer.score:.2f} required={answer.required_score:.2f}" + (f" tests={rules}" if rules else "")


def _fields(wanted: dict[str, Any]) -> Iterator[bytes]:
    """The fields that rspamd wants to have added (its milter_headers module): one value, or several, for each name."""
    pairs = [
        (name, one["value"] if isinstance(one, dict) and "value" in one else one)
        for name, values in wanted.items()
        for one in (values if isinstance(values, list) else [values])
    ]
    for name, value in pairs[:_MOST_FIELDS]:
        if not isinstance(value, str) or not _FIELD_NAME.fullmatch(name) or _is_ours(name):
            continue
        text = " ".join("".join(one if one.isprintable() else " " for one in value).split())
        if text and len(text) <= _LONGEST_FIELD:
            yield f"{name}: {text}\r\n".encode()


def _is_ours(name: str) -> bool:
    folded = name.lower()
    return folded in _OURS or folded.startswith(("content-", "list-", "arc-", "resent-"))


def _(text: str) -> str:
    """Mark a text for the catalogues; it is translated when it is sent."""
    return text
