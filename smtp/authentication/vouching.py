"""Whether a trusted server on the way, as that of a mailing list, says that a message was authentic when it had it."""

from __future__ import annotations

from collections.abc import Collection

from smtp.authentication.arc import Chain, Status
from smtp.authentication.dmarc import is_aligned
from smtp.authentication.results import AuthenticationResults, Resinfo, Result, parse


def voucher(chain: Chain, trusted: Collection[str], author_domain: str) -> str:
    """The sealing domain that vouches for an author's domain; empty when none does (RFC 8617 section 7.2.1).

    Every seal from its own on must be of a trusted domain: those further on might have made up what it says.
    `trusted` is in small letters.
    """
    if chain.status is not Status.PASS:
        return ""
    for (domain, _), assessment in zip(reversed(chain.sealers), reversed(chain.assessments), strict=True):
        if domain not in trusted:
            return ""
        try:
            found = parse(assessment.decode("utf-8", "replace"))
        except ValueError:
            continue
        if _says_authentic(found, author_domain):
            return domain
    return ""


def _says_authentic(found: AuthenticationResults, author_domain: str) -> bool:
    """DMARC passed for the author's domain, or what lets it pass did."""
    passed = [one for one in found.resinfos if one.result == Result.PASS]
    return any(_names_author(one, author_domain) for one in passed)


def _names_author(one: Resinfo, author_domain: str) -> bool:
    match one.method:
        case "dmarc":
            return one.property("header.from").rpartition("@")[2].lower() == author_domain
        case "dkim":
            identity = one.property("header.d") or one.property("header.i")
        case "spf":
            identity = one.property("smtp.mailfrom")
        case _:
            return False
    return bool(identity) and is_aligned(identity.rpartition("@")[2], author_domain)
