"""A server that cannot be trusted, or gives only a part, changes nothing; status and log say plainly what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from certs import CertificateFiles, ensure_demo
from directory.model import DirectoryError
from mailgate.config import Ldap, Settings
from mailgate.following.follower import Follower
from mailgate.following.states import live_sources
from mailgate.following.syncing import sync_source
from tests.directory_ldap.conftest import DATA
from tests.directory_ldap.small_tree import small_tree
from tests.following.conftest import Site
from tests.support.slapd import Slapd

_SUFFIX = "dn: dc=ent,dc=example,dc=org\nobjectClass: dcObject\nobjectClass: organization\ndc: ent\no: ENT\n"
_ELSEWHERE = (
    "\ndn: ou=elsewhere,ou=people,dc=ent,dc=example,dc=org\nobjectClass: referral\nobjectClass: extensibleObject\n"
    "ou: elsewhere\nref: ldap://192.0.2.1/ou=people,dc=ent,dc=example,dc=org\n"
)


@dataclass(frozen=True, slots=True)
class Others:
    """What is not as it should be."""

    authority: CertificateFiles
    without_tls: Slapd


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Others]:
    folder = tmp_path_factory.mktemp("others")
    with Slapd(folder, _SUFFIX, DATA / "sdet.schema", secure=False) as server:
        yield Others(ensure_demo(folder / "authority", []), server)


Change = Callable[[Ldap, Site, Others], Ldap]


def _at(ldap: Ldap, url: str) -> Ldap:
    return msgspec.structs.replace(ldap, url=url)


ON_ONE_STORE = pytest.mark.parametrize("site", ["sqlite"], indirect=True)
"""What servers say is the same for both."""


@ON_ONE_STORE
@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda ldap, _, others: msgspec.structs.replace(ldap, ca=others.authority.ca), "certificate is not trusted"),
        (lambda ldap, _, others: _at(msgspec.structs.replace(ldap, ca=others.authority.ca), ""), "not trusted"),
        (lambda ldap, _, __: _at(ldap, ldap.url.replace("127.0.0.1", "127.1")), "not for the host name 127.1"),
        (lambda ldap, _, others: _at(ldap, others.without_tls.ldap), "offers no StartTLS"),
        (lambda ldap, _, others: _at(ldap, others.without_tls.ldap.replace("ldap:", "ldaps:")), "does not speak TLS"),
        (lambda ldap, _, __: msgspec.structs.replace(ldap, ca=Path("no such file")), "cannot be read"),
        (lambda ldap, _, __: msgspec.structs.replace(ldap, bind_password="wrong"), "refuses the bind DN"),
    ],
    ids=["authority", "authority-starttls", "name", "no-starttls", "no-tls", "no-ca", "password"],
)
async def test_what_is_wrong_is_told_once_and_mended(site: Site, others: Others, change: Change, text: str) -> None:
    begun, before = await site.due(), await site.members()
    ldap = change(site.live.server, site, others)
    broken = Follower(_with(site.settings, ldap if ldap.url else _at(ldap, site.server.ldap)))
    waits = []
    with capture_logs() as logs:
        for _ in range(3):
            await broken.look()
            state = await site.state()
            waits.append(state.next_look - state.failed_at)
            await site.due_again()
    assert text in state.error
    assert (state.failures, waits) == (3, [1, 2, 4]), "each wait is longer"
    assert [one["reason"] for one in logs] == [state.error], "the log says it once"
    assert "reader's password" not in state.error
    assert (state.position, await site.members()) == (begun.position, before)
    await Follower(site.settings).look()
    state = await site.state()
    assert (state.failures, state.error) == (0, "")
    assert state.looked_at > 0


@ON_ONE_STORE
@pytest.mark.parametrize(
    ("options", "text"),
    [({"unpaged": 50, "paged": "50"}, "size limit of the reader"), ({"extra": _ELSEWHERE}, "another server")],
    ids=["size limit", "referral"],
)
async def test_a_server_that_gives_a_part_changes_nothing(
    site: Site, tmp_path: Path, options: dict[str, str], text: str
) -> None:
    begun, before = await site.due(), await site.members()
    with Slapd(tmp_path, small_tree(), DATA / "sdet.schema", **options) as server:  # type: ignore[arg-type]
        ldap = msgspec.structs.replace(site.live.server, url=server.ldaps, ca=server.tls.ca)
        settings = _with(site.settings, ldap)
        (live,) = live_sources(settings.directory)
        with pytest.raises(DirectoryError, match=text):
            await sync_source(settings, live)
    state = await site.state()
    assert text in state.error
    assert (state.position, await site.members()) == (begun.position, before)


def _with(settings: Settings, ldap: Ldap) -> Settings:
    (source,) = settings.directory.sources
    directory = msgspec.structs.replace(settings.directory, sources=(msgspec.structs.replace(source, ldap=ldap),))
    return msgspec.structs.replace(settings, directory=directory)
