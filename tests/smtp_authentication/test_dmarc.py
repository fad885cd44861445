"""DMARC: which policy holds for an author's domain, what is aligned with it, and what becomes of the message."""

from __future__ import annotations

import itertools

import pytest

from smtp.addresses import parse_addresses
from smtp.authentication import dkim
from smtp.authentication.arc import Chain, Status
from smtp.authentication.dmarc import (
    Policy,
    Published,
    Record,
    TooManyDomains,
    Verdict,
    author_domains,
    discover,
    judge,
    organizational_domain,
    parse_record,
    strictest,
)
from smtp.authentication.results import Result
from smtp.authentication.spf import Checked
from smtp.authentication.vouching import voucher
from smtp.resolver import Resolver
from tests.support.nameserver import BROKEN, SILENT, NameServer, Records, txt

NO_SPF = Checked(Result.NONE, "")
REJECT = Record(Policy.REJECT, Policy.REJECT)


def spf(result: Result, domain: str) -> Checked:
    return Checked(result, domain)


def signed(result: dkim.Result, domain: str) -> dkim.Verified:
    return dkim.Verified(result, domain=domain)


def published(domain: str, record: Record | None = REJECT) -> Published:
    return Published(domain, record, record.policy if record else Policy.NONE)


@pytest.mark.parametrize(
    ("domain", "organization"),
    [
        ("lycee.ac-paris.fr", "ac-paris.fr"),
        ("mail.lycee.ac-aix-marseille.fr", "ac-aix-marseille.fr"),
        ("ac-paris.fr", "ac-paris.fr"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("education.gouv.fr", "education.gouv.fr"),
        ("x.education.gouv.fr", "education.gouv.fr"),
        ("gouv.fr", "gouv.fr"),
        ("xn--cole-9oa.xn--p1ai", "xn--cole-9oa.xn--p1ai"),
        ("a.b.internal-thing", "b.internal-thing"),
    ],
)
def test_organizational_domains(domain: str, organization: str) -> None:
    assert organizational_domain(domain) == organization


@pytest.mark.parametrize(
    ("field", "domains"),
    [
        ("Proviseur <p@lycee.ac-paris.fr>", ["lycee.ac-paris.fr"]),
        ('"p@bank.example" <p@Lycee.AC-Paris.FR>', ["lycee.ac-paris.fr"]),
        ("a@x.example, b@Y.example, c@x.example", ["x.example", "y.example"]),
        ("a@école.example", ["xn--cole-9oa.example"]),
        ("a@\uff41c-paris.fr", ["ac-paris.fr"]),
        ("a@[192.0.2.1]", []),
        ("a@localhost", []),
        ("a@b..example", None),
        ("undisclosed-recipients:;", []),
    ],
)
def test_the_domains_of_authors(field: str, domains: list[str] | None) -> None:
    if domains is None:
        with pytest.raises(ValueError, match="address"):
            parse_addresses(field)
        return
    assert author_domains(parse_addresses(field)) == domains


def test_authors_of_many_domains() -> None:
    """The one that is borrowed hides behind none, not behind names that are none either."""
    assert len(author_domains(f"a{n}@x{n % 5}.example" for n in range(1_000))) == 5
    with pytest.raises(TooManyDomains):
        author_domains([*(f"a@x{n}" for n in range(5)), "p@lycee.ac-paris.fr"])


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("v=DMARC1; p=reject", REJECT),
        ("v=DMARC1;p=Quarantine;sp=none;adkim=s;aspf=S;pct=30",
         Record(Policy.QUARANTINE, Policy.NONE, strict_dkim=True, strict_spf=True, percent=30)),
        ("v = DMARC1 ; p = none ; pct=0 ;", Record(Policy.NONE, Policy.NONE, percent=0)),
        ("v=DMARC1; p=reject; pct=1000; adkim=x; fo=1; ri=86400; foo=bar; p=none; ;;", REJECT),
        ("v=DMARC1; p=reject; pct=999", REJECT),
        ("v=DMARC1; p=reject; sp=nothing", None),
        ("v=DMARC1; p=reject; sp=nothing; rua=mailto:a@b.example", Record(Policy.NONE, Policy.NONE)),
        ("v=DMARC1; rua=mailto:a@b.example!10m", Record(Policy.NONE, Policy.NONE)),
        ("v=DMARC1; rua=nowhere", None),
        ("v=DMARC1", None),
    ],
)  # fmt: skip
def test_records(text: str, record: Record | None) -> None:
    assert parse_record(text.encode()) == record


@pytest.mark.parametrize(
    ("records", "policy"),
    [
        ({}, None),
        ({"_dmarc.a.example.org TXT": [txt("v=DMARC1; p=reject; sp=none")]}, Policy.REJECT),
        ({"_dmarc.example.org TXT": [txt("v=DMARC1; p=reject")]}, Policy.REJECT),
        ({"_dmarc.example.org TXT": [txt("v=DMARC1; p=reject; sp=quarantine")]}, Policy.QUARANTINE),
        ({"_dmarc.a.example.org TXT": [txt("v=DMARC1; p=none")], "_dmarc.example.org TXT": [txt("v=DMARC1; p=reject")]},
         Policy.NONE),
        ({"_dmarc.a.example.org TXT": [txt("v=spf1 -all")], "_dmarc.example.org TXT": [txt("v=DMARC1; p=reject")]},
         Policy.REJECT),
        ({"_dmarc.a.example.org TXT": [txt("v=DMARC1; p=reject"), txt("v=DMARC1; p=none")],
          "_dmarc.example.org TXT": [txt("v=DMARC1; p=reject")]}, None),
        ({"_dmarc.a.example.org TXT": [txt("v=DMARC1; p=reject"), txt("other"), txt("v=DMARC12; p=none")]},
         Policy.REJECT),
        ({"_dmarc.a.example.org TXT": [txt("p=reject; v=DMARC1")]}, None),
        ({"_dmarc.org TXT": [txt("v=DMARC1; p=reject")]}, None),
        ({"_dmarc.a.example.org CNAME": ["p.example.net."], "p.example.net TXT": [txt("v=DMARC1; p=reject")]},
         Policy.REJECT),
    ],
    ids=itertools.count(),
)  # fmt: skip
async def test_which_policy_holds(records: Records, policy: Policy | None) -> None:
    async with NameServer(records) as names:
        found = await discover(Resolver([("127.0.0.1", names.port)]), "a.example.org")
    assert not found.temporary
    assert (found.policy if found.record else None) == policy


@pytest.mark.parametrize("broken", ["_dmarc.a.example.org TXT", "_dmarc.example.org TXT"])
async def test_a_name_server_that_fails_is_no_absence(broken: str) -> None:
    async with NameServer({broken: BROKEN}) as names:
        found = await discover(Resolver([("127.0.0.1", names.port)]), "a.example.org")
    assert judge(found, spf(Result.PASS, "a.example.org"), []).result is Result.TEMPERROR


async def test_a_policy_is_not_waited_for_for_ever() -> None:
    async with NameServer({"_dmarc.a.example.org TXT": SILENT}) as names:
        found = await discover(Resolver([("127.0.0.1", names.port)]), "a.example.org", seconds=0.2)
    assert found.temporary


PASS, FAIL, TEMPORARY, WEAK = dkim.Result.PASS, dkim.Result.FAIL, dkim.Result.TEMPERROR, dkim.Result.POLICY


@pytest.mark.parametrize(
    ("found_spf", "signatures", "result"),
    [
        (NO_SPF, [], Result.FAIL),
        (spf(Result.PASS, "lycee.ac-paris.fr"), [], Result.PASS),
        (spf(Result.PASS, "Bounce.AC-Paris.fr"), [], Result.PASS),
        (spf(Result.PASS, "ac-lyon.fr"), [], Result.FAIL),
        (spf(Result.PASS, "fr"), [], Result.FAIL),
        (spf(Result.SOFTFAIL, "lycee.ac-paris.fr"), [], Result.FAIL),
        (spf(Result.NEUTRAL, "lycee.ac-paris.fr"), [], Result.FAIL),
        (spf(Result.PERMERROR, "lycee.ac-paris.fr"), [], Result.FAIL),
        (spf(Result.TEMPERROR, "lycee.ac-paris.fr"), [], Result.TEMPERROR),
        (spf(Result.TEMPERROR, "elsewhere.example"), [], Result.FAIL),
        (spf(Result.PASS, "malformed..name"), [], Result.FAIL),
        (NO_SPF, [signed(PASS, "ac-paris.fr")], Result.PASS),
        (NO_SPF, [signed(FAIL, "ac-paris.fr"), signed(PASS, "list.example"), signed(PASS, "ac-paris.fr")], Result.PASS),
        (NO_SPF, [signed(FAIL, "ac-paris.fr"), signed(PASS, "list.example")], Result.FAIL),
        (NO_SPF, [signed(WEAK, "ac-paris.fr")], Result.FAIL),
        (NO_SPF, [signed(TEMPORARY, "ac-paris.fr"), signed(PASS, "list.example")], Result.TEMPERROR),
        (NO_SPF, [signed(TEMPORARY, "list.example")], Result.FAIL),
        (spf(Result.TEMPERROR, "ac-paris.fr"), [signed(PASS, "ac-paris.fr")], Result.PASS),
        (NO_SPF, [dkim.Verified(dkim.Result.PERMERROR)], Result.FAIL),
    ],
    ids=itertools.count(),
)
def test_relaxed_alignment(found_spf: Checked, signatures: list[dkim.Verified], result: Result) -> None:
    verdict = judge(published("lycee.ac-paris.fr"), found_spf, signatures)
    assert verdict.result is result
    assert verdict.disposition is (Policy.REJECT if result is Result.FAIL else Policy.NONE)


def test_strict_alignment() -> None:
    record = Record(Policy.REJECT, Policy.REJECT, strict_dkim=True, strict_spf=True)
    for domain, result in (("lycee.ac-paris.fr", Result.PASS), ("ac-paris.fr", Result.FAIL)):
        for found_spf, signatures in ((spf(Result.PASS, domain), []), (NO_SPF, [signed(PASS, domain)])):
            assert judge(published("lycee.ac-paris.fr", record), found_spf, signatures).result is result


@pytest.mark.parametrize(
    ("policy", "drawn", "disposition"),
    [
        (Policy.REJECT, 0.29, Policy.REJECT), (Policy.REJECT, 0.3, Policy.QUARANTINE),
        (Policy.QUARANTINE, 0.29, Policy.QUARANTINE), (Policy.QUARANTINE, 0.3, Policy.NONE),
        (Policy.NONE, 0.99, Policy.NONE),
    ],
)  # fmt: skip
def test_sampling(policy: Policy, drawn: float, disposition: Policy) -> None:
    verdict = judge(published("a.example", Record(policy, policy, percent=30)), NO_SPF, [], lambda: drawn)
    assert (verdict.policy, verdict.disposition) == (policy, disposition)


def test_sampling_at_its_ends() -> None:
    never, always = (Record(Policy.REJECT, Policy.REJECT, percent=percent) for percent in (0, 100))
    assert judge(published("a.example", never), NO_SPF, [], lambda: 0.0).disposition is Policy.QUARANTINE
    assert judge(published("a.example", always), NO_SPF, [], lambda: 0.999).disposition is Policy.REJECT


def test_of_several_authors_the_strictest_policy_that_fails_decides() -> None:
    passed, none = Verdict(Result.PASS, "a.example", Policy.REJECT), Verdict(Result.NONE, "b.example")
    junk = Verdict(Result.FAIL, "c.example", Policy.QUARANTINE, Policy.QUARANTINE)
    bad = Verdict(Result.FAIL, "d.example", Policy.REJECT, Policy.REJECT)
    late = Verdict(Result.TEMPERROR, "e.example")
    for several, expected in (
        ([passed], passed), ([passed, none], none), ([junk, passed, bad], bad), ([passed, late], late),
        ([late, junk], junk), ([], Verdict(Result.NONE, "")),
    ):  # fmt: skip
        assert strictest(several) == expected


LIST = ("lists.example", "s1")
FORWARDER = ("forward.example", "s1")
SAYS_PASS = b"lists.example; dmarc=pass header.from=lycee.ac-paris.fr; spf=fail"


@pytest.mark.parametrize(
    ("chain", "vouches"),
    [
        (Chain(Status.PASS, "", (LIST,), (SAYS_PASS,)), "lists.example"),
        (
            Chain(Status.PASS, "", (LIST,), (b"lists.example; dkim=pass header.d=ac-paris.fr; dmarc=none",)),
            "lists.example",
        ),
        (Chain(Status.PASS, "", (LIST,), (b"lists.example; dkim=pass header.i=@ac-paris.fr",)), "lists.example"),
        (Chain(Status.PASS, "", (LIST,), (b"x; spf=pass smtp.mailfrom=a@lycee.ac-paris.fr",)), "lists.example"),
        (
            Chain(
                Status.PASS,
                "",
                (LIST,),
                (b"x; dmarc=pass header.from=other.example; spf=pass smtp.mailfrom=o.example",),
            ),
            "",
        ),
        (Chain(Status.PASS, "", (LIST,), (b"x; dmarc=fail header.from=lycee.ac-paris.fr",)), ""),
        (Chain(Status.PASS, "", (LIST,), (b"x; auth=pass smtp.auth=a@lycee.ac-paris.fr; dkim=pass",)), ""),
        (Chain(Status.PASS, "", (LIST,), (b"unreadable",)), ""),
        (Chain(Status.FAIL, "", (LIST,), (SAYS_PASS,)), ""),
        (Chain(Status.NONE), ""),
        (Chain(Status.PASS, "", (("evil.example", "s"),), (SAYS_PASS,)), ""),
        (Chain(Status.PASS, "", (LIST, ("evil.example", "s")), (SAYS_PASS, SAYS_PASS)), ""),
        (Chain(Status.PASS, "", (("evil.example", "s"), LIST), (SAYS_PASS, b"x; dmarc=fail")), ""),
        (Chain(Status.PASS, "", (LIST, FORWARDER), (SAYS_PASS, b"x; dmarc=fail; arc=pass")), "lists.example"),
    ],
    ids=itertools.count(),
)
def test_who_vouches(chain: Chain, vouches: str) -> None:
    assert voucher(chain, {"lists.example", "forward.example"}, "lycee.ac-paris.fr") == vouches
