"""The Sender Policy Framework (RFC 7208): whether a domain lets this client send in its name.

Own code and not pyspf's, which blocks and asks the name servers of the machine.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.PTR
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA

from smtp.authentication.public_keys import Names
from smtp.authentication.results import Result
from smtp.authentication.spf_record import (
    Directive,
    Record,
    RecordError,
    check_explanation,
    expand,
    needs_name,
    parse_record,
)
from smtp.resolver import Found, InvalidName, Unanswered, dns_name, reverse_name

_VERSION: Final = b"v=spf1"
_NAME_LIMIT: Final = 253
_EXPLANATION_LIMIT: Final = 500
"""Octets of an explanation, before and after its macros are expanded; a longer one is none."""
_FOR_NAMES: Final = 0.25
"""The share of the time in which the names of a client may be found: who it is may keep them back."""
_NAMES_OF_CLIENT: Final = 10
_EXCHANGERS: Final = 10
"""Whose addresses one `ptr` or `mx` looks up (section 4.6.4)."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Limits:
    """What one evaluation may cost (section 4.6.4)."""

    lookups: int = 10
    """Terms that ask name servers."""
    void_lookups: int = 2
    """Questions of `a`, `mx` and `exists` that find nothing; names of the client are not the domain's fault."""
    seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of it."""

    result: Result
    domain: str
    """Whose policy it is: that of the reverse path, or of HELO where that is null; may be malformed or empty."""
    of_helo: bool = False
    reason: str = ""
    """Why there is a temporary or permanent error, for people; nothing in it is of the message or the record."""
    explanation: str = ""
    """What a domain wants a refused client to be told: a stranger's ASCII text on one line, or nothing."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who sends."""

    address: str
    helo: str
    mail_from: str
    """The reverse path without its angle brackets; empty for the null one (then HELO is checked, section 2.4)."""


class _Ended(Exception):
    def __init__(self, result: Result, reason: str) -> None:
        super().__init__(reason)
        self.result = result


async def check(names: Names, client: Client, *, receiver: str, limits: Limits | None = None) -> Checked:
    """check_host() (section 4). `receiver`: the name of the host that asks."""
    limits = limits or Limits()
    local, _, domain = client.mail_from.rpartition("@")
    of_helo = not client.mail_from
    domain = client.helo if of_helo else domain
    try:
        if domain.startswith("["):
            return Checked(Result.NONE, domain, of_helo)
        name = dns_name(domain)
        address = ipaddress.ip_address(client.address.partition("%")[0])
    except ValueError:
        return Checked(Result.NONE, domain, of_helo)
    if len(name) <= 2:  # noqa: PLR2004 - one label and the root: section 4.3
        return Checked(Result.NONE, domain, of_helo)
    if not domain.isascii():
        domain = name.to_text(omit_final_dot=True)
    evaluation = _Evaluation(names, address, client.helo, receiver, limits, f"{local or 'postmaster'}@{domain}")
    try:
        async with asyncio.timeout(limits.seconds):
            result, explained = await evaluation.check_host(domain)
            return Checked(result, domain, of_helo, "", await evaluation.explanation(*explained))
    except _Ended as error:
        return Checked(error.result, domain, of_helo, str(error))
    except TimeoutError:
        return Checked(Result.TEMPERROR, domain, of_helo, "there was no time to finish")


class _Evaluation:
    """One check_host() with what it includes; counts what it asks."""

    def __init__(self, names: Names, address: _Address, helo: str, receiver: str, limits: Limits, sender: str) -> None:
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        self._names = names
        self._address: _Address = mapped or address
        self._limits = limits
        self._terms = 0
        self._voids = 0
        self._validated: list[str] | None = None
        local, _, domain = sender.rpartition("@")
        four = isinstance(self._address, ipaddress.IPv4Address)
        dotted = str(self._address) if four else ".".join(self._address.exploded.replace(":", ""))
        self._family = "A" if four else "AAAA"
        self._values = {
            "s": sender, "l": local, "o": domain, "h": helo, "i": dotted, "c": str(self._address), "r": receiver,
            "v": "in-addr" if four else "ip6", "t": str(int(time.time())), "p": "unknown",
        }  # fmt: skip

    async def check_host(self, domain: str) -> tuple[Result, tuple[str, str]]:
        """The result for a domain, and the exp= that explains it with the domain in whose record it stands."""
        record = await self._record(domain)
        if record is None:
            return Result.NONE, ("", domain)
        for directive in record.directives:
            if await self._matches(directive, domain):
                return directive.result, (record.explanation if directive.result is Result.FAIL else "", domain)
        if not record.redirect:
            return Result.NEUTRAL, ("", domain)
        self._count_term()
        try:
            result, explained = await self.check_host(await self._target(record.redirect, domain))
        except InvalidName:
            result, explained = Result.NONE, ("", domain)
        if result is Result.NONE:
            raise _Ended(Result.PERMERROR, "its record leads to a domain without one")
        return result, explained

    async def explanation(self, target: str, domain: str) -> str:
        """The text of exp= (section 6.2); empty where anything is wrong with it."""
        if not target:
            return ""
        try:
            texts = (await self._names.lookup(await self._target(target, domain), "TXT")).texts()
            [text] = [one.decode("ascii") for one in texts]
            check_explanation(text)
        except (InvalidName, Unanswered, UnicodeDecodeError, ValueError):
            return ""
        if len(text) > _EXPLANATION_LIMIT:
            return ""
        explained = await self._expanded(text, domain)
        fit = len(explained) <= _EXPLANATION_LIMIT and explained.isascii() and explained.isprintable()
        return explained if fit else ""

    async def _record(self, domain: str) -> Record | None:
        """Raises _Ended, InvalidName."""
        texts = (await self._lookup(domain, "TXT")).texts()
        records = [one for one in texts if one[:6].lower() == _VERSION and one[6:7] in {b"", b" "}]
        if len(records) > 1:
            raise _Ended(Result.PERMERROR, "there is more than one record")
        if not records:
            return None
        try:
            return parse_record(records[0][6:].decode("ascii"))
        except UnicodeDecodeError:
            raise _Ended(Result.PERMERROR, "its record is not ASCII") from None
        except RecordError as error:
            raise _Ended(Result.PERMERROR, str(error)) from None

    async def _matches(self, one: Directive, domain: str) -> bool:
        if one.mechanism == "all":
            return True
        if one.network is not None:
            return self._address in one.network
        self._count_term()
        try:
            target = await self._target(one.target, domain) if one.target else domain
            match one.mechanism:
                case "include":
                    return await self._includes(target)
                case "a":
                    return await self._is_at(target, one)
                case "mx":
                    return await self._is_exchanger(target, one)
                case "exists":
                    return bool((await self._counted(target, "A")).records)
                case _:
                    return any(_is_in(name, target) for name in await self._names_of_client())
        except InvalidName:
            # Undefined by section 4.8: as a name that does not exist.
            if one.mechanism == "include":
                raise _Ended(Result.PERMERROR, "what its record includes is no name") from None
            return False

    async def _includes(self, target: str) -> bool:
        result, _ = await self.check_host(target)
        if result is Result.NONE:
            raise _Ended(Result.PERMERROR, "its record includes a domain without one")
        return result is Result.PASS

    async def _is_at(self, target: str, one: Directive) -> bool:
        found = await self._counted(target, self._family)
        prefix = one.prefixes[self._family == "AAAA"]
        return any(self._address in ipaddress.ip_network((at, prefix), strict=False) for at in _addresses(found))

    async def _is_exchanger(self, target: str, one: Directive) -> bool:
        found = (await self._counted(target, "MX")).records
        exchangers = [record for record in found if isinstance(record, dns.rdtypes.ANY.MX.MX)]
        if len(exchangers) > _EXCHANGERS:
            raise _Ended(Result.PERMERROR, "a domain has too many exchangers")
        for record in exchangers:
            if await self._is_at(record.exchange.to_text(omit_final_dot=True), one):
                return True
        return False

    async def _names_of_client(self) -> list[str]:
        """Its validated domain names (section 5.5), those that were found in time."""
        if self._validated is None:
            self._validated = []
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.seconds * _FOR_NAMES):
                    await self._validate(self._validated)
        return self._validated

    async def _validate(self, validated: list[str]) -> None:
        try:
            found = await self._names.lookup(reverse_name(str(self._address)), "PTR")
        except Unanswered:
            return
        for record in found.records[:_NAMES_OF_CLIENT]:
            if isinstance(record, dns.rdtypes.ANY.PTR.PTR):
                name = record.target.to_text(omit_final_dot=True)
                with suppress(InvalidName, Unanswered):
                    if str(self._address) in _addresses(await self._names.lookup(name, self._family)):
                        validated.append(name)

    async def _target(self, text: str, domain: str) -> str:
        """A domain-spec as the name it stands for, its left side cut off where it is too long. Raises InvalidName."""
        name = (await self._expanded(text, domain)).removesuffix(".")
        if len(name) > _NAME_LIMIT:
            name = name[-_NAME_LIMIT - 1 :].partition(".")[2]
        if not name.isascii():  # of the local part or HELO: RFC 8616 section 4
            raise InvalidName("a name with letters beyond ASCII")
        return name

    async def _expanded(self, text: str, domain: str) -> str:
        values = self._values | {"d": domain}
        if needs_name(text):
            found = await self._names_of_client()
            exact = [name for name in found if name.lower() == domain.lower()]
            values["p"] = next(iter([*exact, *(name for name in found if _is_in(name, domain)), *found, "unknown"]))
        return expand(text, values)

    async def _lookup(self, name: str, kind: str) -> Found:
        try:
            return await self._names.lookup(name, kind)
        except Unanswered:
            raise _Ended(Result.TEMPERROR, "no name server answers") from None

    async def _counted(self, name: str, kind: str) -> Found:
        found = await self._lookup(name, kind)
        self._voids += not found.records
        if self._voids > self._limits.void_lookups:
            raise _Ended(Result.PERMERROR, "its record asks for too much that is not there")
        return found

    def _count_term(self) -> None:
        self._terms += 1
        if self._terms > self._limits.lookups:
            raise _Ended(Result.PERMERROR, "its record asks for too much")


def _addresses(found: Found) -> list[str]:
    kinds = dns.rdtypes.IN.A.A, dns.rdtypes.IN.AAAA.AAAA
    return [one.address for one in found.records if isinstance(one, kinds)]


def _is_in(name: str, domain: str) -> bool:
    return f".{name.lower()}".endswith(f".{domain.lower().removesuffix('.')}")
