"""What is held of a server that is followed is what reading all of it gives, and all is read only where it must be."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

import pytest
from sqlalchemy import Connection, select

from directory import following
from directory.following import Followed, follow
from directory.held_forms import record_item
from directory.holding_schema import held_record
from directory.opening import read_server
from directory.readers.sdet_ldap import SdetSettings
from directory.source import Format, Source
from directory.sources import Changes, CompleteSet, Reading, take_in
from tests.directory.academy import empty_directory
from tests.directory_ldap.conftest import DATA, settings_for
from tests.directory_ldap.small_tree import small_tree
from tests.support.slapd import BASE, Slapd, Writer, added, replaced

SOURCE = Source("ent", Format.SDET)
NOW = datetime.datetime(2025, 10, 1, tzinfo=datetime.UTC)
Held = dict[tuple[int, str], bytes]


class Follower:
    """Follows a server, and compares what is held with what reading all of it gives."""

    def __init__(self, server: Slapd, connection: Connection) -> None:
        self.server = server
        self._settings: SdetSettings = settings_for(server)
        self._connection = connection
        self._position: bytes | None = None
        with server.writing() as directory:
            directory.search(server.suffix, "(objectClass=ENTEleve)", attributes=["1.1"])
            self.pupils: list[str] = [one["dn"] for one in directory.response]

    def look(self) -> Followed:
        """Take in what changed."""
        with follow(SOURCE, asdict(self._settings), self._position) as found:
            if found.step is not None:
                take_in(self._connection, "EXEMPLE", Reading(SOURCE, [found.step]), NOW)
            self._position = found.position.encode()
        assert self.held() == self.whole()
        return found

    def held(self) -> Held:
        rows = self._connection.execute(select(held_record.c.kind, held_record.c.id, held_record.c.body))
        return {(kind, identifier): bytes(body) for kind, identifier, body in rows}

    def whole(self) -> Held:
        items = map(record_item, read_server(SOURCE, asdict(self._settings)))
        return {(item.kind, item.id): item.body for item in items}


@pytest.fixture(scope="module")
def follower(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Follower]:
    with (
        Slapd(tmp_path_factory.mktemp("slapd"), small_tree(), DATA / "sdet.schema", sync=True) as server,
        empty_directory() as connection,
    ):
        made = Follower(server, connection)
        assert made.look().complete
        yield made


class Names:
    """Two pupils, a relative of the first, and a school, as DNs."""

    def __init__(self, directory: Writer, suffix: str, pupils: Sequence[str]) -> None:
        self._directory = directory
        self.pupil, self.other, *_ = pupils
        self.uid = f"new-{self.pupil.partition(',')[0].removeprefix('uid=')}"
        self.new = f"uid={self.uid},ou=people,{suffix}"
        self.school = f"ENTStructureSIREN=19131310015001,ou=structures,{suffix}"
        self.relative = self.values(self.pupil)["ENTElevePersRelEleve"][0].decode().partition("$")[0]

    def values(self, dn: str) -> dict[str, list[bytes]]:
        self._directory.search(dn, "(objectClass=*)", BASE, attributes=["*"])
        return dict(self._directory.response[0]["raw_attributes"])

    def number(self, dn: str) -> str:
        return self.values(dn)["ENTPersonJointure"][0].decode()

    def copy(self, dn: str, number: str = "") -> None:
        """Another entry that says the same."""
        changed = {"uid": [self.uid.encode()]} | ({"ENTPersonJointure": [number.encode()]} if number else {})
        self._directory.add(self.new, attributes=self.values(dn) | changed)

    def change(self, dn: str, **values: str) -> None:
        self._directory.modify(dn, replaced(**values))

    def add(self, dn: str, **values: str) -> None:
        self._directory.modify(dn, added(**values))

    def delete(self, dn: str) -> None:
        self._directory.delete(dn)

    def rename(self, dn: str, rdn: str) -> None:
        self._directory.modify_dn(dn, rdn)

    def become_relative(self, dn: str) -> None:
        """Another entry of the same number that is a relative's, in the place of this one."""
        classes = ("person", "organizationalPerson", "inetOrgPerson", "ENTPerson", "ENTAuxPersRelEleve")
        said = {name: self.values(dn)[name] for name in ("cn", "sn", *_OF_PERSON)}
        self.delete(dn)
        self._directory.add(self.new, attributes={"objectClass": classes, "uid": self.uid, **said})


def _rename_and_delete(names: Names) -> None:
    names.change(names.pupil, sn="Nouveau")
    names.delete(names.other)


def _make_anew(names: Names) -> None:
    names.copy(names.pupil)
    names.delete(names.pupil)


_OF_PERSON = ("ENTPersonJointure", "ENTPersonLogin", "ENTPersonProfils")
Work = Callable[[Names], object]
LONG = "x" * 50
"""No number of anybody."""
ALONE: dict[str, list[Work]] = {
    "a pupil is renamed, another is deleted": [_rename_and_delete],
    "a relative whom pupils name is deleted": [lambda n: n.delete(n.relative)],
    "a relative is called otherwise": [lambda n: n.rename(n.relative, "uid=other")],
    "somebody comes, and goes": [lambda n: n.copy(n.pupil, "999999"), lambda n: n.delete(n.new)],
    "an account is made anew": [_make_anew],
    "a pupil becomes a relative": [lambda n: n.become_relative(n.pupil)],
    "a number is changed": [lambda n: n.change(n.pupil, ENTPersonJointure="999998")],
    "a number is taken away, and given back": [
        lambda n: n.change(n.pupil, ENTPersonJointure=LONG),
        lambda n: n.change(n.pupil, sn="Nouveau"),
        lambda n: n.change(n.pupil, ENTPersonJointure="999997"),
    ],
    "who has no usable number is deleted": [
        lambda n: n.change(n.pupil, ENTPersonJointure=LONG),
        lambda n: n.delete(n.pupil),
    ],
    "a value is rejected, and mended": [
        lambda n: n.add(n.pupil, ENTEleveGroupes="nothing"),
        lambda n: n.change(n.pupil, sn="Nouveau"),
        lambda n: n.change(n.pupil, ENTEleveGroupes=f"{n.school}$6EME"),
    ],
    "a class is announced, and the others no longer": [
        lambda n: n.add(n.school, ENTStructureClasses="6EME Z$6EME Z 6EME$10010012110"),
        lambda n: n.change(n.school, ENTStructureClasses="6EME Z$6EME Z 6EME$10010012110"),
    ],
    "a value of a structure is rejected, and mended": [
        lambda n: n.add(n.school, ENTStructureGroupes="nothing"),
        lambda n: n.change(n.school, ENTStructureGroupes="6EME G$6EME G"),
    ],
}
WITH_OTHERS: dict[str, list[Work]] = {
    "one of two who have a number is deleted": [lambda n: n.copy(n.pupil), lambda n: n.delete(n.new)],
    "a number that another has is taken": [lambda n: n.change(n.pupil, ENTPersonJointure=n.number(n.other))],
    "a structure that people name is another": [lambda n: n.change(n.school, ENTStructureUAI="0139999Z")],
}


def _look_after(follower: Follower, work: Work, pupils: Sequence[str]) -> Followed:
    with follower.server.writing() as directory:
        work(Names(directory, follower.server.suffix, pupils))
    return follower.look()


@pytest.mark.parametrize(("number", "steps"), list(enumerate(ALONE.values())), ids=ALONE)
def test_entries_alone_are_enough(follower: Follower, number: int, steps: list[Work]) -> None:
    for work in steps:
        found = _look_after(follower, work, follower.pupils[2 * number :])
        assert isinstance(found.step, Changes), found.why
    assert follower.look().step is None


@pytest.mark.parametrize(("number", "steps"), list(enumerate(WITH_OTHERS.values(), len(ALONE))), ids=WITH_OTHERS)
def test_what_concerns_others_has_all_read(follower: Follower, number: int, steps: list[Work]) -> None:
    for work in steps:
        found = _look_after(follower, work, follower.pupils[2 * number :])
        assert isinstance(found.step, CompleteSet)
        assert "concerns other entries" in found.why


def _change_both(names: Names) -> None:
    names.change(names.pupil, sn="Autre")
    names.change(names.other, sn="Autre")


def test_more_than_a_few_changes_have_all_read(follower: Follower, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "FEW", 1)
    pupils = follower.pupils[2 * (len(ALONE) + len(WITH_OTHERS)) :]
    one = _look_after(follower, lambda names: names.change(names.pupil, sn="Nouveau"), pupils)
    assert isinstance(one.step, Changes)
    two = _look_after(follower, _change_both, pupils)
    assert isinstance(two.step, CompleteSet)
    assert "much has changed" in two.why
