"""Who answers for a message from another server: SPF, DKIM, ARC and DMARC, and what a school does about it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from directory.reserved import ROLES
from mailgate.config import AuthenticationFilter
from mailgate.filtering.audience import Concerned, Party
from mailgate.filtering.contract import BLOCK, Action, Arriving, Finding, deferred, refused
from mailgate.i18n import Language, translator
from mailgate.policy.schools import SchoolSettings
from smtp.authentication import arc, dkim, dmarc, spf
from smtp.authentication.dmarc import Policy, Verdict
from smtp.authentication.results import AuthenticationResults, Resinfo, Result
from smtp.authentication.vouching import voucher
from smtp.resolver import Resolver

Attitude = Literal["respect", "junk", "report"]
_ATTITUDES: Final[tuple[Attitude, ...]] = ("report", "junk", "respect")
"""What a school does about mail whose author's domain wants it refused or taken for junk; the mildest first."""
_STATUS: Final = "5.7.26"
_SPF_STATUS: Final = "5.7.23"
"""RFC 7372 section 3."""
_UNKNOWN: Final = "4.4.3"
_SHARE: Final = 0.7
"""Of the time for the whole check, what each part may take."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found of one message."""

    client: str
    spf: spf.Checked
    signatures: Sequence[dkim.Verified]
    chain: arc.Chain
    verdicts: Sequence[Verdict]
    """For each domain of an author."""
    verdict: Verdict
    """The one that decides."""
    voucher: str
    """The domain of a trusted sealer that knew the message to be authentic."""

    @property
    def wanted(self) -> Policy:
        """What is to be done by the rules of the author's domain."""
        return Policy.NONE if self.voucher else self.verdict.disposition


class Authentication:
    """The check; it has no server of its own to ask but name servers."""

    name = "authentication"

    def __init__(
        self, resolver: Resolver, settings: AuthenticationFilter, *, hostname: str, language: Language
    ) -> None:
        """`hostname`: the authserv-id of our results. `language` is that of what concerns no school."""
        dmarc.organizational_domain("")  # the public suffix list is read now, and not while clients wait
        self._names = resolver
        self._settings = settings
        self._hostname = hostname
        self._language = language
        self._sealers = settings.sealers()
        # Each part ends by itself before the chain gives the whole up: who keeps one back does not undo the others.
        self._seconds = settings.timeout * _SHARE
        self._verifier = dkim.Verifier(resolver, dkim.Limits(seconds=self._seconds))
        self._validator = arc.Validator(resolver, dkim.Limits(seconds=self._seconds))

    async def examine(self, arriving: Arriving) -> Finding:
        """What a server in front hands over by LMTP it has looked at itself; its clients are unknown here."""
        if not arriving.from_outside or arriving.transaction.lmtp:
            return Finding()
        try:
            found = await self._find(arriving)
        except dmarc.TooManyDomains:
            text = _("A message cannot have authors of so many different domains.")
            return refused(translator(self._language)(text), "it has authors of too many domains")
        header = results_of(found, self._hostname).field()
        if found.verdict.result is Result.TEMPERROR and self._settings.on_failure == "defer":
            text = _("It cannot be checked at the moment who sent this message. Please try again later.")
            return deferred(translator(self._language)(text), "DMARC cannot be evaluated", status=_UNKNOWN)
        concerned = await arriving.audience.concerned() if found.wanted else Concerned((), {})
        finding = self._by_dmarc(found, concerned) if found.wanted else self._by_spf(found)
        reason = finding.reason or f"spf={found.spf.result} dmarc={found.verdict.result}"
        return Finding(finding.action, reason, header, finding.reply, finding.only)

    async def close(self) -> None:
        """Nothing is open."""

    async def _find(self, arriving: Arriving) -> _Found:
        message, transaction = arriving.message, arriving.transaction
        fields = message.origin.fields
        client = spf.Client(transaction.peer.host, transaction.helo, transaction.mail_from)
        domains, seconds = dmarc.author_domains(message.authors), self._seconds

        def body() -> Iterator[bytes]:
            for start in range(message.body_offset, len(arriving.content), BLOCK):
                yield arriving.content[start : start + BLOCK]

        async with asyncio.TaskGroup() as group:
            checked = group.create_task(
                spf.check(self._names, client, receiver=self._hostname, limits=spf.Limits(seconds=seconds))
            )
            verified = group.create_task(self._verifier.verify(fields, body, int(time.time())))
            validated = group.create_task(self._validator.validate(fields, body))
            published = [group.create_task(dmarc.discover(self._names, one, seconds=seconds)) for one in domains]
        verdicts = [dmarc.judge(one.result(), checked.result(), verified.result()) for one in published]
        verdict, chain = dmarc.strictest(verdicts), validated.result()
        vouches = voucher(chain, self._sealers, verdict.domain) if verdict.result is Result.FAIL else ""
        return _Found(client.address, checked.result(), verified.result(), chain, verdicts, verdict, vouches)

    def _by_dmarc(self, found: _Found, concerned: Concerned) -> Finding:
        """What the schools of the recipients do about what the author's domain wants."""
        junk, refusing = set[str](), list[Party]()
        for party in concerned.parties:
            attitude = attitude_of(party, concerned)
            if attitude == "respect" and found.wanted is Policy.REJECT:
                refusing.append(party)
            elif attitude != "report":
                junk.add(party.address)
        if len(refusing) == len(concerned.parties):
            languages = {concerned.language(party, self._language) for party in refusing} or {self._language}
            say = translator("fr" if "fr" in languages else "en")
            text = say(
                _(
                    "The rules of {domain} forbid to take this message: nothing shows that it comes from there, "
                    "neither a signature nor the server."
                )
            ).format(domain=found.verdict.domain)
            return refused(text, "the domain of its author wants it refused (DMARC)", status=_STATUS)
        # SMTP has one answer for all: who would refuse it gets it as junk where others take it.
        junk |= {party.address for party in refusing}
        if not junk:
            return Finding()
        return Finding(Action.JUNK, "the domain of its author disowns it (DMARC)", only=frozenset(junk))

    def _by_spf(self, found: _Found) -> Finding:
        """A failure alone, as of mail that is forwarded, means little: the settings say what."""
        if found.spf.result is not Result.FAIL or found.verdict.result is Result.PASS or found.voucher:
            return Finding()
        reason = "its server may not send for the domain of its reverse path (SPF)"
        match self._settings.spf_fail:
            case "junk":
                return Finding(Action.JUNK, reason)
            case "refuse":
                text = _("The rules of {domain} forbid this server to send for it.")
                said = translator(self._language)(text).format(domain=found.spf.domain)
                return refused(said, reason, status=_SPF_STATUS)
            case _:
                return Finding()


def attitude_of(party: Party, concerned: Concerned) -> Attitude:
    """The mildest of a recipient's schools; the default for who is of none. The offices of mail itself, to which people
    turn whose mail is refused, refuse nothing (RFC 5321 section 4.5.1).
    """
    if party.address.partition("@")[0].lower() in ROLES:
        return "junk"
    wanted = [concerned.settings[one].dmarc for one in party.schools] or [SchoolSettings().dmarc]
    return min(wanted, key=_ATTITUDES.index)


def results_of(found: _Found, hostname: str) -> AuthenticationResults:
    """Our one Authentication-Results field (RFC 8601)."""
    scope = "smtp.helo" if found.spf.of_helo else "smtp.mailfrom"
    resinfos = [Resinfo("spf", found.spf.result, found.spf.reason, ((scope, found.spf.domain),))]
    resinfos += [_of_signature(one) for one in found.signatures] or [Resinfo("dkim", Result.NONE)]
    if found.chain.status is not arc.Status.NONE:
        properties = [("header.oldest-pass", str(found.chain.oldest_pass))] if found.chain.sealers else []
        properties.append(("smtp.remote-ip", found.client))
        resinfos.append(Resinfo("arc", found.chain.status, found.chain.reason, tuple(properties)))
    for one in found.verdicts:
        vouched = f"{found.voucher} vouches for it (ARC)" if found.voucher and one is found.verdict else ""
        policy = (("policy.dmarc", one.policy.name.lower()),) if one.result is Result.FAIL else ()
        resinfos.append(Resinfo("dmarc", one.result, vouched, (("header.from", one.domain), *policy)))
    return AuthenticationResults(hostname, tuple(resinfos))


def _of_signature(one: dkim.Verified) -> Resinfo:
    tags = (
        ("header.d", one.domain), ("header.s", one.selector), ("header.a", one.algorithm), ("header.b", one.signature)
    )  # fmt: skip
    return Resinfo("dkim", one.result, one.reason, tuple((name, value) for name, value in tags if value))


def _(text: str) -> str:
    """Mark a text for the catalogues; it is translated when it is sent."""
    return text
