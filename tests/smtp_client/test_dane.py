"""DANE (RFC 7672): servers verified by TLSA records, where the name servers vouch for them, and no mail without."""

from __future__ import annotations

import datetime
import hashlib
import ssl
import types

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from smtp.client.answers import SendingError
from smtp.client.dane import Dane, Mismatch, Tlsa, agile, presented
from smtp.client.routes import Smarthost
from smtp.client.tls import Security, trusting
from smtp.resolver import Resolver
from smtp.tls_demand import TlsDemand
from tests.smtp_client.conftest import DOMAIN, ENFORCE, HERE, HOST, PATIENT, Certificates, Site, der, published
from tests.support.nameserver import BROKEN, SILENT, Records
from tests.support.sink import EXTENSIONS, Sink

OTHER, STRANGE = "other.example.net", "strange.example.org"
PROMISING = (*EXTENSIONS, "REQUIRETLS")
NOW = datetime.datetime.now(datetime.UTC)


def spki(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def record(certificate: x509.Certificate, usage: int = 3, selector: int = 1, matching: int = 1) -> Tlsa:
    octets = spki(certificate) if selector else der(certificate)
    digests = {0: octets, 1: hashlib.sha256(octets).digest(), 2: hashlib.sha512(octets).digest()}
    return Tlsa(usage, selector, matching, digests[matching])


def leaf(site: Site | Certificates, name: str = HOST, *, expired: bool = False) -> x509.Certificate:
    certificates = site.certificates if isinstance(site, Site) else site
    return certificates.chain(name, expired=expired)[0]


def publish(site: Site, *records: Tlsa, base: str = HOST, port: int, changes: Records | None = None) -> None:
    """Have the domain signed, with these records for its server."""
    site.names.authenticated = True
    found = published() | {f"_{port}._tcp.{base} TLSA": [str(one) for one in records]}
    site.names.records = {key: value for key, value in found.items() if not key.startswith("_mta-sts")} | dict(
        changes or {}
    )


@pytest.mark.parametrize("usage", [2, 3])
@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
async def test_a_server_that_its_record_proves_gets_mail(site: Site, usage: int, selector: int, matching: int) -> None:
    certificates = site.certificates.chain(HOST)
    sink = await site.sink(site.certificates.context(HOST), PROMISING)
    publish(site, record(certificates[usage == 2], usage, selector, matching), port=sink.port)
    assert TlsDemand.REQUIRED in await site.connect(sink, dane=True, demand=TlsDemand.REQUIRED)
    assert site.seen == [("tlsa", None)]


@pytest.mark.parametrize(("name", "expired"), [(STRANGE, False), (HOST, True)], ids=["another name", "ended"])
async def test_its_own_certificate_needs_no_name_and_has_no_end(site: Site, name: str, *, expired: bool) -> None:
    sink = await site.sink(site.certificates.context(name, expired=expired))
    publish(site, record(leaf(site, name, expired=expired)), port=sink.port)
    await site.connect(sink, dane=True)
    assert site.seen == [("tlsa", None)]


@pytest.mark.parametrize(("name", "expired"), [(STRANGE, False), (HOST, True)], ids=["another name", "ended"])
async def test_one_of_an_authority_needs_both(site: Site, name: str, *, expired: bool) -> None:
    sink = await site.sink(site.certificates.context(name, expired=expired))
    publish(site, record(site.certificates.chain(HOST)[1], 2, 0), port=sink.port)
    with pytest.raises(SendingError, match=r"451 4\.7\.5 .*no TLSA record matches"):
        await site.connect(sink, dane=True)
    assert not [line for line in sink.lines if line.startswith("MAIL")]
    assert site.seen == [("tlsa", "tlsa-invalid")]


async def test_one_of_an_authority_may_be_for_the_domain(site: Site) -> None:
    sink = await site.sink(site.certificates.context(DOMAIN))
    publish(site, record(site.certificates.chain(HOST)[1], 2, 0), port=sink.port)
    await site.connect(sink, dane=True)


async def test_a_server_with_another_key_gets_nothing_whatever_its_certificate(site: Site) -> None:
    sink = await site.sink(site.certificates.context(HOST))
    publish(site, record(leaf(site, OTHER)), port=sink.port)
    for demand, code in ((TlsDemand.POLICY, "451 4.7.5"), (TlsDemand.REQUIRED, "550 5.7.10")):
        with pytest.raises(SendingError) as raised:
            await site.connect(sink, dane=True, demand=demand)
        assert str(raised.value).startswith(code)
    await site.connect(sink, dane=True, demand=TlsDemand.OPTIONAL)


async def test_a_server_without_starttls_gets_nothing(site: Site) -> None:
    sink = await site.sink(None)
    publish(site, record(leaf(site)), port=sink.port)
    with pytest.raises(SendingError, match=r"451 4\.7\.4"):
        await site.connect(sink, dane=True)
    assert site.seen == [("tlsa", "starttls-not-supported")]


async def test_while_keys_change_either_of_two_records_will_do(site: Site) -> None:
    for name in (HOST, OTHER):
        sink = await site.sink(site.certificates.context(name))
        publish(site, record(leaf(site, OTHER)), record(leaf(site)), port=sink.port)
        await site.connect(sink, dane=True)
    assert site.seen == [("tlsa", None)] * 2


@pytest.mark.parametrize(
    "unusable",
    [Tlsa(0, 0, 1, bytes(32)), Tlsa(1, 1, 1, bytes(32)), Tlsa(3, 2, 1, bytes(32)), Tlsa(3, 1, 3, bytes(32))],
)
async def test_records_that_cannot_be_used_ask_for_encryption_alone(site: Site, unusable: Tlsa) -> None:
    sink, bare = await site.sink(site.certificates.context(STRANGE), PROMISING), await site.sink(None)
    publish(site, unusable, port=sink.port)
    assert TlsDemand.REQUIRED not in await site.connect(sink, dane=True)
    assert sink.lines.count("STARTTLS") == 1
    publish(site, unusable, port=bare.port)
    with pytest.raises(SendingError, match=r"451 4\.7\.4"):
        await site.connect(bare, dane=True)


@pytest.mark.parametrize("failing", [BROKEN, SILENT])
async def test_records_that_are_kept_from_us_keep_mail_back(site: Site, failing: str) -> None:
    sink = await site.sink(site.certificates.context(HOST))
    publish(site, port=sink.port, changes={f"_{sink.port}._tcp.{HOST} TLSA": failing})
    with pytest.raises(SendingError, match=r"451 4\.4\.3"):
        await site.connect(sink, dane=True)
    assert sink.connections == 0
    assert site.seen == [("tlsa", "dnssec-invalid")]


@pytest.mark.parametrize(
    ("unsigned", "asked"),
    [((DOMAIN, HOST, "tlsa"), 0), ((DOMAIN,), 0), ((HOST,), 0), (("tlsa",), 1)],
    ids=["nothing signed", "the MX is not", "the server is not", "its records are not"],
)
async def test_what_nobody_signs_counts_for_nothing(site: Site, unsigned: tuple[str, ...], asked: int) -> None:
    sink = await site.sink(None)
    publish(site, record(leaf(site)), port=sink.port)
    name = f"_{sink.port}._tcp.{HOST}"
    site.names.unsigned = {name if one == "tlsa" else one for one in unsigned}
    await site.connect(sink, dane=True)
    assert len([one for one in site.names.asked if one.endswith(" TLSA")]) == asked
    assert site.seen == [("no-policy-found", "starttls-not-supported")]


async def test_answers_are_believed_only_where_the_settings_say_so(site: Site) -> None:
    sink = await site.sink(None)
    publish(site, record(leaf(site)), port=sink.port)
    await site.connect(sink)
    assert not [one for one in site.names.asked if one.endswith(" TLSA")]


@pytest.mark.parametrize("base", [HOST, "real.example.org"])
async def test_behind_a_cname_the_records_of_the_real_name_come_first(site: Site, base: str) -> None:
    sink = await site.sink(site.certificates.context(base))
    names = {f"{HOST} A": [], f"{HOST} CNAME": ["real.example.org."], "real.example.org A": HERE}
    publish(site, record(site.certificates.chain(base)[1], 2, 0), base=base, port=sink.port, changes=names)
    await site.connect(sink, dane=True)
    asked = [one.partition("._tcp.")[2] for one in site.names.asked if one.endswith(" TLSA")]
    assert asked == ["real.example.org TLSA", f"{HOST} TLSA"][: 1 if base != HOST else 2]


async def test_behind_a_cname_that_leads_to_what_nobody_signs_the_first_name_counts(site: Site) -> None:
    sink = await site.sink(None)
    names = {f"{HOST} A": [], f"{HOST} CNAME": ["real.example.org."], "real.example.org A": HERE}
    publish(site, record(leaf(site)), port=sink.port, changes=names)
    site.names.unsigned = {"real.example.org"}
    with pytest.raises(SendingError, match=r"451 4\.7\.4"):
        await site.connect(sink, dane=True)
    site.names.unsigned = {"real.example.org", HOST}
    await site.connect(sink, dane=True)


async def test_a_domain_without_mx_is_its_own_server(site: Site) -> None:
    sink = await site.sink(site.certificates.context(DOMAIN))
    publish(site, record(site.certificates.chain(DOMAIN)[1], 2, 0), base=DOMAIN, port=sink.port)
    site.names.records = {**site.names.records, f"{DOMAIN} MX": [], f"{DOMAIN} A": HERE}
    await site.connect(sink, dane=True)
    assert site.seen == [("tlsa", None)]


async def test_it_goes_before_mta_sts_in_good_and_bad(site: Site) -> None:
    sink = await site.sink(site.certificates.context(STRANGE))
    site.policies.body = ENFORCE.replace(b"mx.example.net", b"*.nobody.example")
    for name, seen in ((STRANGE, None), (OTHER, "tlsa-invalid")):
        publish(site, record(leaf(site, name)), port=sink.port, changes=published())
        if seen is None:
            await site.connect(sink, dane=True)
        else:
            with pytest.raises(SendingError):
                await site.connect(sink, dane=True)
        assert site.seen[-1] == ("tlsa", seen)


async def test_who_requires_tls_is_content_with_a_signed_mx_and_a_good_certificate(site: Site) -> None:
    good = await site.sink(site.certificates.context(HOST), PROMISING)
    for records in ([], [Tlsa(0, 0, 1, bytes(32))]):
        publish(site, *records, port=good.port)
        assert TlsDemand.REQUIRED in await site.connect(good, dane=True, demand=TlsDemand.REQUIRED)


def smarthost(site: Site, sink: Sink, security: Security) -> Smarthost:
    resolver = Resolver([("127.0.0.1", site.names.port)], timeout=1.0)
    context = trusting(site.certificates.authority)
    return Smarthost(HOST, sink.port, "gate.example.org", security, None, context, PATIENT, resolver)


async def test_a_smarthost_by_name_is_verified_by_its_records(site: Site) -> None:
    sink = await site.sink(site.certificates.context(STRANGE))
    for security in (Security.STARTTLS, Security.OPPORTUNISTIC):
        publish(site, record(leaf(site, STRANGE)), port=sink.port)
        await (await smarthost(site, sink, security).connect(DOMAIN)).close()
        publish(site, record(leaf(site, OTHER)), port=sink.port)
        with pytest.raises(SendingError, match=r"451 4\.7\.5"):
            await smarthost(site, sink, security).connect(DOMAIN)
    publish(site, Tlsa(1, 1, 1, bytes(32)), port=sink.port)
    with pytest.raises(SendingError, match=r"451 4\.7\.5 .*certificate verify failed"):
        await smarthost(site, sink, Security.STARTTLS).connect(DOMAIN)
    await (await smarthost(site, sink, Security.OPPORTUNISTIC).connect(DOMAIN)).close()


def test_a_digest_of_another_length_cannot_be_used() -> None:
    assert not any(one.usable for one in (Tlsa(3, 1, 1, bytes(31)), Tlsa(3, 1, 2, bytes(32)), Tlsa(3, 1, 0, b"")))


def test_a_weaker_digest_counts_for_nothing_beside_a_stronger_one() -> None:
    weak, strong, full = (Tlsa(3, 1, matching, b"x") for matching in (1, 2, 0))
    assert list(agile([weak, strong, full])) == [strong, full]
    other = Tlsa(2, 1, 1, b"x")
    assert list(agile([weak, other])) == [weak, other]


def test_an_authority_that_is_no_authority_proves_nothing(certificates: Certificates) -> None:
    own, authority = certificates.chain(HOST)
    other = certificates.chain(OTHER)[0]
    for chain, anchor in (((own, other, authority), other), ((own,), authority), ((other, authority), authority)):
        with pytest.raises(Mismatch):
            Dane((record(anchor, 2),), HOST).check([der(one) for one in chain], NOW)
    Dane((record(authority, 2, 0, 0),), HOST).check([der(own)], NOW)  # the record itself holds it


@given(st.lists(st.binary(max_size=100), max_size=3))
def test_any_chain_is_looked_at(chain: list[bytes]) -> None:
    with pytest.raises(Mismatch):
        Dane((Tlsa(2, 0, 0, b"x"), Tlsa(3, 0, 1, bytes(32))), HOST).check(chain, NOW)


def test_the_chain_is_had_from_python_in_public_where_that_is_possible() -> None:
    assert hasattr(ssl.SSLObject, "get_unverified_chain") or hasattr(
        ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="x")._sslobj,  # type: ignore[attr-defined]
        "get_unverified_chain",
    )
    public = types.SimpleNamespace(get_unverified_chain=lambda: [b"one"])
    assert presented(public) == [b"one"]  # type: ignore[arg-type]
