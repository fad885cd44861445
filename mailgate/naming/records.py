"""The records to publish for a domain, one after the other, and what each is for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from mailgate.naming.site import Site

TTL: Final = 3_600
_STRING: Final = 255
"""Octets of one string of a TXT record (RFC 1035 section 3.3.14)."""


class Topic(StrEnum):
    """What a record belongs to."""

    MX = "MX"
    SPF = "SPF"
    DKIM = "DKIM"
    DMARC = "DMARC"
    MTA_STS = "MTA-STS"
    TLSRPT = "TLSRPT"
    SRV = "SRV"
    AUTOCONFIG = "autoconfig"
    TLSA = "TLSA"


class Record(msgspec.Struct, frozen=True):
    """One record. `value` is as a zone file has it, but a TXT record's text is whole and without quotes."""

    topic: Topic
    name: str
    type: str
    value: str
    purpose: str

    def zone_line(self) -> str:
        """As a line of a zone file (RFC 1035 section 5.1)."""
        value = _quoted(self.value) if self.type == "TXT" else self.value
        return f"{self.name}. {TTL} IN {self.type} {value}"


def records(domain: str, site: Site, keys: Sequence[tuple[str, str]]) -> Iterator[Record]:
    """What to publish for a domain; `keys`: name and text of the keys that its mail is signed with."""
    if site.takes_mail:
        yield Record(Topic.MX, domain, "MX", f"10 {site.hostname}.", "where others bring mail for the domain")
    leaves = f"a:{site.smarthost}" if site.smarthost else "mx" if site.takes_mail else f"a:{site.hostname}"
    yield Record(Topic.SPF, domain, "TXT", f"v=spf1 {leaves} -all", "from where its mail may come (RFC 7208)")
    for name, text in keys:
        yield Record(Topic.DKIM, name, "TXT", text, "a key that its mail is signed with (RFC 6376)")
    yield Record(
        Topic.DMARC, f"_dmarc.{domain}", "TXT", f"v=DMARC1; p=quarantine; rua=mailto:{site.postmaster}",
        "what others are to do with what only pretends to come from it (RFC 7489)",
    )  # fmt: skip
    if site.takes_mail:
        yield from _transport(domain, site)
    yield from _services(domain, site)


def _transport(domain: str, site: Site) -> Iterator[Record]:
    """That mail for the domain is brought over TLS alone."""
    if site.policy:
        yield Record(
            Topic.MTA_STS, f"_mta-sts.{domain}", "TXT", f"v=STSv1; id={site.policy_id}",
            "that there is a policy, and when it changes (RFC 8461)",
        )  # fmt: skip
        yield Record(
            Topic.MTA_STS, f"mta-sts.{domain}", "CNAME", f"{site.hostname}.",
            f"where the policy is read: the certificate is to be good for mta-sts.{domain} too",
        )  # fmt: skip
    yield Record(
        Topic.TLSRPT, f"_smtp._tls.{domain}", "TXT", f"v=TLSRPTv1; rua=mailto:{site.postmaster}",
        "where others report trouble with TLS (RFC 8460)",
    )  # fmt: skip
    if site.certificate:
        yield Record(
            Topic.TLSA, f"_25._tcp.{site.hostname}", "TLSA", f"3 1 1 {site.certificate}",
            "the exchanger's key, where its zone is signed (RFC 7672); publish the next one before it changes",
        )  # fmt: skip


def _services(domain: str, site: Site) -> Iterator[Record]:
    """Where mail programs find the servers by themselves."""
    services = {"imaps": site.imaps, "submissions": site.submissions, "submission": site.submission}
    for service, port in services.items():
        if port:
            yield Record(
                Topic.SRV, f"_{service}._tcp.{domain}", "SRV", f"0 1 {port} {site.hostname}.",
                "where mail programs find the server (RFC 6186, RFC 8314)",
            )  # fmt: skip
    yield Record(
        Topic.AUTOCONFIG, f"autoconfig.{domain}", "CNAME", f"{site.hostname}.",
        f"where Thunderbird reads its settings: the certificate is to be good for autoconfig.{domain} too",
    )  # fmt: skip


def _quoted(text: str) -> str:
    return " ".join(f'"{text[at : at + _STRING]}"' for at in range(0, len(text), _STRING))
