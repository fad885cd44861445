"""Domain-based Message Authentication, Reporting and Conformance (RFC 7489): what becomes of mail in a domain's name.

The domain is read by `smtp.addresses`, never guessed; the organizational domain by the public suffix list. Reports are
not sent.
"""

from __future__ import annotations

import asyncio
import functools
import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from publicsuffixlist import PublicSuffixList

from smtp.authentication import dkim
from smtp.authentication.public_keys import Names
from smtp.authentication.results import Result
from smtp.authentication.spf import Checked
from smtp.resolver import InvalidName, Unanswered, dns_name

DOMAINS: Final = 5
"""Author domains of one message that are looked at."""
_WHOLE: Final = 100
_VERSION: Final = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|$)")
_PERCENT: Final = re.compile(r"[0-9]{1,3}")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s,!]+(?:![0-9]+[kmgt]?)?")


class Policy(IntEnum):
    """What a domain wants done with mail that fails, the mildest first (section 6.3)."""

    NONE = 0
    QUARANTINE = 1
    REJECT = 2


@dataclass(frozen=True, slots=True)
class Record:
    """What of a record counts here."""

    policy: Policy
    subdomain_policy: Policy
    strict_dkim: bool = False
    strict_spf: bool = False
    percent: int = _WHOLE
    """Of the mail that fails, to which the policy applies (pct=)."""


@dataclass(frozen=True, slots=True)
class Published:
    """What was found for an author's domain."""

    domain: str
    """In small letters, as A-labels."""
    record: Record | None = None
    policy: Policy = Policy.NONE
    """The one for this domain: sp= where the record is that of the organizational domain."""
    temporary: bool = False
    """No name server answers."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one author's domain."""

    result: Result
    domain: str
    policy: Policy = Policy.NONE
    """What the domain publishes."""
    disposition: Policy = Policy.NONE
    """What it wants done with this message: its policy where the message failed, or the next milder one by pct=."""


class TooManyDomains(ValueError):
    """There are more author domains than are looked at: nobody writes so, and one of them may be a borrowed one."""


def author_domains(authors: Iterable[str]) -> list[str]:
    """The domains of From addresses, each once, in small letters, as A-labels; without what can have no policy.

    Raises TooManyDomains.
    """
    domains = {address.rpartition("@")[2].lower() for address in authors}
    if len(domains) > DOMAINS:
        raise TooManyDomains
    return sorted({_canonical(one) for one in domains if not one.startswith("[")} - {""})


def _canonical(domain: str) -> str:
    """Empty where it is no name of several labels."""
    try:
        name = dns_name(domain)
    except InvalidName:
        return ""
    return name.canonicalize().to_text(omit_final_dot=True) if len(name) > 2 else ""  # noqa: PLR2004 - and the root


def organizational_domain(domain: str) -> str:
    """One label below the public suffix (section 3.2); a public suffix is its own."""
    return _suffixes().privatesuffix(domain) or domain


@functools.cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def parse_record(text: bytes) -> Record | None:
    """A record (section 6.3); None for one by which nothing is done (section 6.6.3). Unknown tags mean nothing."""
    tags: dict[str, str] = {}
    for spec in text.decode("latin-1").split(";"):
        name, equals, value = (part.strip(" \t") for part in spec.partition("="))
        if equals:
            tags.setdefault(name.lower(), value)
    try:
        policy = Policy[tags["p"].upper()]
        subdomain_policy = Policy[tags.get("sp", policy.name).upper()]
    except KeyError:
        if not any(_URI.fullmatch(one.strip()) for one in tags.get("rua", "").split(",")):
            return None
        policy = subdomain_policy = Policy.NONE
    percent = tags.get("pct", "")
    return Record(
        policy,
        subdomain_policy,
        strict_dkim=tags.get("adkim", "").lower() == "s",
        strict_spf=tags.get("aspf", "").lower() == "s",
        percent=min(int(percent), _WHOLE) if _PERCENT.fullmatch(percent) else _WHOLE,
    )


async def discover(names: Names, domain: str, *, seconds: float = 20.0) -> Published:
    """The policy of an author's domain (section 6.6.3), if it is found in time."""
    organization = organizational_domain(domain)
    try:
        async with asyncio.timeout(seconds):
            records = await _records(names, domain)
            above = not records and organization != domain
            if above:
                records = await _records(names, organization)
    except (Unanswered, TimeoutError):
        return Published(domain, temporary=True)
    record = parse_record(records[0]) if len(records) == 1 else None
    if record is None:
        return Published(domain)
    return Published(domain, record, record.subdomain_policy if above else record.policy)


async def _records(names: Names, domain: str) -> list[bytes]:
    try:
        found = await names.lookup(f"_dmarc.{domain}", "TXT")
    except InvalidName:
        return []
    return [one for one in found.texts() if _VERSION.match(one.decode("latin-1"))]


def judge(
    published: Published,
    spf: Checked,
    signatures: Sequence[dkim.Verified],
    draw: Callable[[], float] = random.random,
) -> Verdict:
    """Whether one of the authenticated identifiers is aligned with the author's domain (sections 3.1, 6.6.2).

    `draw` gives a number from 0 up to 1, for pct= (section 6.6.4).
    """
    if published.record is None:
        return Verdict(Result.TEMPERROR if published.temporary else Result.NONE, published.domain)
    results = [(str(spf.result), _aligned(spf.domain, published.domain, strict=published.record.strict_spf))]
    strict = published.record.strict_dkim
    results += [(str(one.result), _aligned(one.domain, published.domain, strict=strict)) for one in signatures]
    aligned = {result for result, is_aligned in results if is_aligned}
    if Result.PASS in aligned:
        return Verdict(Result.PASS, published.domain, published.policy)
    if Result.TEMPERROR in aligned:
        return Verdict(Result.TEMPERROR, published.domain, published.policy)
    disposition = published.policy
    if disposition and draw() * _WHOLE >= published.record.percent:
        disposition = Policy(disposition - 1)
    return Verdict(Result.FAIL, published.domain, published.policy, disposition)


def strictest(verdicts: Sequence[Verdict]) -> Verdict:
    """The one that decides where a message has authors of several domains (section 6.6.1)."""
    return max(verdicts, key=lambda one: (one.disposition, _SEVERITY[one.result]), default=Verdict(Result.NONE, ""))


_SEVERITY: Final = {Result.PASS: 0, Result.NONE: 1, Result.FAIL: 2, Result.TEMPERROR: 3}


def is_aligned(domain: str, author_domain: str) -> bool:
    """Relaxed alignment (section 3.1)."""
    return _aligned(domain, author_domain, strict=False)


def _aligned(domain: str, author_domain: str, *, strict: bool) -> bool:
    try:
        name = dns_name(domain).canonicalize().to_text(omit_final_dot=True)
    except InvalidName:
        return False
    if strict:
        return name == author_domain
    return organizational_domain(name) == organizational_domain(author_domain)
