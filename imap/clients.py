"""Which kind of program a client is, from what it says of itself by ID (RFC 2971), and who is told so."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, Protocol


class ClientKind(StrEnum):
    """A kind of mail program."""

    THUNDERBIRD = "thunderbird"
    OUTLOOK = "outlook"
    MACOS = "apple-macos"
    IOS = "apple-ios"
    """Mail of an iPhone or iPad."""
    ANDROID = "android"
    WEBMAIL = "webmail"
    OTHER = "other"
    """It says nothing of itself, or something else."""


class SignInObserver(Protocol):
    """Who wants to know which kinds of clients people sign in with."""

    def signed_in(self, account_id: int, client: ClientKind) -> object:
        """Somebody signed in; ID has said nothing yet where it is OTHER. The answer is for `identified`."""
        ...

    def identified(self, sign_in: object, client: ClientKind) -> None:
        """ID says after all which client it was, once for a sign-in."""
        ...


_WEBMAIL: Final = ("roundcube", "sogo", "horde", "snappymail", "rainloop", "zimbra", "cypht", "webmail")
_ANDROID: Final = ("android", "k-9", "fairemail", "aquamail", "aqua mail", "bluemail", "samsung")
_IOS: Final = ("iphone", "ipad", "ios")
_READ: Final = frozenset({"name", "vendor", "os"})


def client_kind(fields: Iterable[tuple[str, str | None]] | None) -> ClientKind:
    """The kind of a client by the fields of its ID (RFC 2971 section 3.3); names of fields have no case."""
    said = {name.lower(): (value or "").lower() for name, value in fields or () if name.lower() in _READ}
    name, system = said.get("name", ""), said.get("os", "")
    who = f"{name} {said.get('vendor', '')}"
    if _has(name, _WEBMAIL):
        return ClientKind.WEBMAIL
    if "outlook" in who or "microsoft" in who:
        return ClientKind.OUTLOOK
    if "android" in system or _has(who, _ANDROID):
        return ClientKind.ANDROID
    if "thunderbird" in name:
        return ClientKind.THUNDERBIRD
    if "apple" in who or name in {"iphone mail", "ipad mail", "mac os x mail"}:
        return ClientKind.IOS if _has(f"{name} {system}", _IOS) else ClientKind.MACOS
    return ClientKind.OTHER


def _has(text: str, words: Iterable[str]) -> bool:
    return any(word in text for word in words)
