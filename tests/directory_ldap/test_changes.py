"""What changed on a server, by content synchronization and by timestamps: nothing is missed, nothing told twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from directory.model import DirectoryError
from directory.readers import ldap_changes
from directory.readers.ldap_changes import begin, look
from directory.readers.ldap_position import Branch, Look, Position, PositionLostError, Watch
from directory.readers.ldap_server import opened
from directory.readers.sdet_entries import PERSON_IDENTITY, SdetTree
from directory.readers.sdet_ldap import SdetSettings
from tests.directory_ldap.conftest import StartServer, settings_for
from tests.directory_ldap.small_tree import small_tree
from tests.support.slapd import BASE, Slapd, Writer, replaced

WATCHES = (
    Watch("ou=structures", ("ENTStructure",)),
    Watch("ou=people", ("ENTPerson",), PERSON_IDENTITY, SdetTree("").person_identity),
)
SN = replaced(sn="Nouveau")
Way = str


@pytest.fixture(params=[ldap_changes.SYNCREPL, ldap_changes.TIMESTAMPS])
def way(request: pytest.FixtureRequest) -> Way:
    return str(request.param)


@pytest.fixture
def server(start: StartServer, way: Way) -> Slapd:
    return start(ldif=small_tree(), sync=way == ldap_changes.SYNCREPL)


def begun(settings: SdetSettings) -> Position:
    with opened(settings) as found:
        return begin(found, WATCHES)


def looked(settings: SdetSettings, position: Position) -> Look:
    with opened(settings) as found:
        return look(found, WATCHES, Position.decode(position.encode()))


def modified(found: Look) -> list[str]:
    return [one.dn for branch in found.touched for one in branch if None not in (one.before, one.now)]


def added(found: Look) -> list[str]:
    return [one.dn for branch in found.touched for one in branch if one.before is None]


def gone(found: Look) -> list[str | None]:
    """What was noted of entries that are gone."""
    return [one.before for branch in found.touched for one in branch if one.now is None]


def pupils(server: Slapd) -> list[str]:
    with server.writing() as connection:
        connection.search(server.suffix, "(objectClass=ENTEleve)", attributes=["1.1"])
        return [one["dn"] for one in connection.response]


def change(server: Slapd, work: Callable[[Writer], object]) -> None:
    with server.writing() as connection:
        work(connection)


def test_a_look_tells_each_change_once(server: Slapd, way: Way) -> None:
    settings = settings_for(server)
    position = begun(settings)
    assert position.way == way
    quiet = looked(settings, position)
    assert not quiet
    first, second, third = pupils(server)[:3]
    change(server, lambda c: (c.modify(first, SN), c.modify(second, SN)))
    found = looked(settings, quiet.position)
    assert set(modified(found)) == {first, second}
    assert (added(found), gone(found)) == ([], [])
    again = looked(settings, found.position)
    assert not again
    change(server, lambda c: c.modify(third, SN))
    assert modified(looked(settings, again.position)) == [third]


def test_new_and_renamed_entries(server: Slapd) -> None:
    settings = settings_for(server)
    position = begun(settings)
    first, second = pupils(server)[:2]
    new = f"uid=new,{second.partition(',')[2]}"
    change(server, lambda c: _copy(c, second, new))
    change(server, lambda c: c.modify_dn(first, "uid=renamed"))
    found = looked(settings, position)
    assert added(found) == [new]
    assert modified(found) == [f"uid=renamed,{first.partition(',')[2]}"]
    assert not gone(found)
    assert not looked(settings, found.position)


def test_each_of_two_changes_within_a_second_is_told(server: Slapd) -> None:
    settings = settings_for(server)
    position = begun(settings)
    first, *_ = pupils(server)
    stamp = ""
    for number in range(60):  # a slow machine may need several tries for two changes in one second
        change(server, lambda c, name=f"Nouveau {number}": c.modify(first, replaced(sn=name)))  # type: ignore[misc]
        before, stamp = stamp, _modified_at(server, first)
        found = looked(settings, position)
        assert modified(found) == [first]
        position = found.position
        if stamp == before:
            return


def test_deleted_entries_are_told_by_synchronization_alone(server: Slapd, way: Way) -> None:
    settings = settings_for(server)
    position = begun(settings)
    first, second = pupils(server)[:2]
    change(server, lambda c: (c.delete(first), c.modify(second, SN)))
    found = looked(settings, position)
    assert gone(found) == (["Eleve 10000001"] if way == ldap_changes.SYNCREPL else [])
    assert modified(found) == [second]
    assert not looked(settings, found.position)


def test_a_server_that_gives_a_part_without_pages_is_followed_by_timestamps(start: StartServer) -> None:
    server = start(ldif=small_tree(), unpaged=50, sync=True, limits="")
    assert begun(settings_for(server)).way == ldap_changes.TIMESTAMPS


def test_a_server_that_gives_a_part_in_pages_too_is_an_error(start: StartServer) -> None:
    server = start(ldif=small_tree(), unpaged=50, paged="50")
    with pytest.raises(DirectoryError, match="size limit of the reader"):
        begun(settings_for(server))


@pytest.mark.parametrize(
    "cookie", [b"nonsense", *(b"rid=000,csn=%d0101000000.000000Z#000000#000#000000" % year for year in (2001, 2999))]
)
def test_a_position_that_the_server_does_not_know_loses_nothing(start: StartServer, cookie: bytes) -> None:
    server = start(ldif=small_tree(), sync=True)
    settings = settings_for(server)
    position = begun(settings)
    first, *_ = pupils(server)
    change(server, lambda c: c.delete(first))
    lost = replace_cookies(position, cookie)
    try:
        found = looked(settings, lost)
    except PositionLostError:
        return
    assert gone(found) == ["Eleve 10000001"]


def test_what_was_kept_and_cannot_be_read() -> None:
    with pytest.raises(PositionLostError):
        Position.decode(b"\xc1")


def test_a_server_that_went_away_is_an_error_and_its_return_goes_on(start: StartServer) -> None:
    server = start(ldif=small_tree(), sync=True)
    settings = settings_for(server)
    position = begun(settings)
    first, *_ = pupils(server)
    server.kill()
    with pytest.raises(DirectoryError, match=r"no connection|lost"):
        looked(replace(settings, connect_timeout=2), position)
    with server:
        assert not looked(settings, position)
        change(server, lambda c: c.modify(first, SN))
        assert modified(looked(settings, position)) == [first]


def test_a_referral_is_told(start: StartServer) -> None:
    elsewhere = (
        "\ndn: ou=elsewhere,ou=people,dc=ent,dc=example,dc=org\nobjectClass: referral\nobjectClass: extensibleObject\n"
        "ou: elsewhere\nref: ldap://192.0.2.1/ou=people,dc=ent,dc=example,dc=org\n"
    )
    for sync in (True, False):
        with pytest.raises(DirectoryError, match="another server"):
            begun(settings_for(start(ldif=small_tree(), extra=elsewhere, sync=sync)))


def replace_cookies(position: Position, cookie: bytes) -> Position:
    branches = [Branch(one.entries, cookie) for one in position.branches]
    return Position(position.way, tuple(branches))


def _modified_at(server: Slapd, dn: str) -> str:
    with server.writing() as connection:
        connection.search(dn, "(objectClass=*)", BASE, attributes=["modifyTimestamp"])
        return str(connection.response[0]["raw_attributes"]["modifyTimestamp"])


def _copy(connection: Writer, dn: str, new: str) -> None:
    connection.search(dn, "(objectClass=*)", BASE, attributes=["*"])
    attributes = dict(connection.response[0]["raw_attributes"])
    attributes["uid"] = [b"new"]
    attributes["ENTPersonJointure"] = [b"999999"]
    connection.add(new, attributes=attributes)
