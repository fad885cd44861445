"""Whatever keeps the reader from having everything ends the import with a clear error, and nothing is imported."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select

from certs import ensure_demo
from directory.model import DirectoryError, Pupil, Record
from directory.readers.sdet_ldap import SdetSettings, read_sdet
from directory.schema import metadata, person
from tests.directory.academy import take
from tests.directory_ldap.conftest import StartServer, settings_for, tree
from tests.support.slapd import Slapd

Change = Callable[[SdetSettings], SdetSettings]


def error_of(settings: SdetSettings) -> str:
    with pytest.raises(DirectoryError) as caught:
        list(read_sdet(settings))
    return str(caught.value)


def people(settings: SdetSettings) -> int:
    return sum(1 for record in read_sdet(settings) if isinstance(record, Pupil))


def test_starttls_is_as_good_as_ldaps(server: Slapd, settings: SdetSettings) -> None:
    assert people(settings) == people(replace(settings, url=server.ldap)) == 455


@pytest.mark.parametrize("page_size", [1000, 455, 100])
def test_the_size_of_pages_does_not_matter(settings: SdetSettings, page_size: int) -> None:
    assert len(list(read_sdet(replace(settings, page_size=page_size)))) == len(list(read_sdet(settings)))


def test_a_server_that_limits_paged_searches_too_is_an_error(start: StartServer) -> None:
    assert "size limit" in error_of(settings_for(start(unpaged=100, paged="100")))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda s: replace(s, bind_password="wrong"), "refuses the bind DN or its password"),
        (lambda s: replace(s, bind_dn="cn=nobody,dc=ent,dc=example,dc=org"), "refuses the bind DN or its password"),
        (lambda s: replace(s, bind_password=""), "no password for the bind DN"),
        (lambda s: replace(s, ca=None), "certificate is not trusted"),
        (lambda s: replace(s, ca=Path("no such file")), "cannot be read"),
        (lambda s: replace(s, url=s.url.replace("ldaps:", "ldap:")), "lost|no connection"),
        (lambda s: replace(s, url="https://localhost"), "write ldaps://host"),
        (lambda s: replace(s, url="ldaps://"), "write ldaps://host"),
        (lambda s: replace(s, url="ldaps://localhost:port"), "not an LDAP address"),
        (lambda s: replace(s, people="ou=nowhere"), "no such branch"),
        (lambda s: replace(s, base="dc=nowhere"), "no such branch"),
        (lambda s: replace(s, bind_dn="", bind_password=""), "no such branch|insufficientAccess"),
    ],
    ids=lambda value: "" if callable(value) else None,
)
def test_wrong_settings(settings: SdetSettings, change: Change, text: str) -> None:
    settings = replace(settings, receive_timeout=2)
    with pytest.raises(DirectoryError, match=text) as caught:
        list(read_sdet(change(settings)))
    assert "reader's password" not in str(caught.value)


def test_a_certificate_of_another_authority(settings: SdetSettings, server: Slapd, tmp_path: Path) -> None:
    other = ensure_demo(tmp_path / "other", [])
    for url in (server.ldaps, server.ldap):
        assert "certificate is not trusted" in error_of(replace(settings, url=url, ca=other.ca))


def test_a_certificate_for_another_host(settings: SdetSettings) -> None:
    assert "not for the host name 127.1" in error_of(replace(settings, url=settings.url.replace("127.0.0.1", "127.1")))


def test_nobody_there(settings: SdetSettings) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        assert "no connection" in error_of(replace(settings, url=f"ldaps://127.0.0.1:{port}"))


def test_a_server_that_dies_between_two_pages_leaves_nothing_behind(start: StartServer) -> None:
    server = start()

    def until_it_dies() -> Iterator[Record]:
        for number, record in enumerate(read_sdet(settings_for(server))):
            if number == 600:
                server.kill()
            yield record

    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
    with pytest.raises(DirectoryError, match=r"lost|no connection|cannot be read"), engine.begin() as connection:
        take(connection, until_it_dies())
    with engine.begin() as connection:
        assert connection.scalar(select(func.count()).select_from(person)) == 0
    engine.dispose()


def test_a_referral_is_not_followed(start: StartServer) -> None:
    elsewhere = (
        "\ndn: ou=elsewhere,ou=people,dc=ent,dc=example,dc=org\nobjectClass: referral\nobjectClass: extensibleObject\n"
        "ou: elsewhere\nref: ldap://192.0.2.1/ou=people,dc=ent,dc=example,dc=org\n"
    )
    assert "another server" in error_of(settings_for(start(extra=elsewhere)))


def test_a_line_break_in_a_name_is_refused(start: StartServer) -> None:
    ldif = tree("sdet.ldif").replace("\nsn: Schmitt\n", "\nsn:: U2NobQppdHQ=\n", 1)
    assert "control character" in error_of(settings_for(start(ldif=ldif)))
