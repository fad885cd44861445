"""The demo academy in private LDAP servers, one for each dialect."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from directory.readers.sdet_ldap import SdetSettings
from tests.support.slapd import PASSWORD, Slapd

DATA = Path(__file__).parent / "data"
PEOPLE = {"sdet.ldif": "ou=people", "sdet-v1.ldif": "ou=personnes"}


def tree(name: str) -> str:
    with tarfile.open(DATA / "sdet.tar.xz") as archive:
        content = archive.extractfile(name)
        assert content is not None
        return content.read().decode()


def settings_for(server: Slapd, name: str = "sdet.ldif") -> SdetSettings:
    return SdetSettings(
        url=server.ldaps,
        base=server.suffix,
        bind_dn=server.reader,
        bind_password=PASSWORD,
        ca=server.tls.ca,
        people=PEOPLE[name],
    )


StartServer = Callable[..., Slapd]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartServer]:
    """Starts a server of one's own."""
    with ExitStack() as stack:

        def start_server(name: str = "sdet.ldif", ldif: str = "", **options: object) -> Slapd:
            folder = tmp_path / f"slapd-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            server = Slapd(folder, ldif or tree(name), DATA / "sdet.schema", **options)  # type: ignore[arg-type]
            return stack.enter_context(server)

        yield start_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """A server that is only read."""
    with Slapd(tmp_path_factory.mktemp("slapd"), tree("sdet.ldif"), DATA / "sdet.schema") as started:
        yield started


@pytest.fixture
def settings(server: Slapd) -> SdetSettings:
    return replace(settings_for(server))
