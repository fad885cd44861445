"""`mailgate directory sync`: what changes on an LDAP server shows in lists and accounts, whole or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Command, describe
from tests.directory_ldap.conftest import DATA, tree
from tests.support.slapd import PASSWORD, Slapd, replaced


def settings(server: Slapd, **changed: object) -> str:
    """The settings of a followed source."""
    said = {
        "url": server.ldaps,
        "base": server.suffix,
        "bind_dn": server.reader,
        "bind_password": PASSWORD,
        "ca": str(server.tls.ca),
    }
    ldap = describe({"directory.ldap": said | changed})
    return f'\n[[directory.sources]]\nname = "ent"\nformat = "sdet"\n{ldap}'


BOTH = pytest.mark.parametrize("server", [True, False], ids=["syncrepl", "timestamps"], indirect=True)


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Slapd]:
    folder = tmp_path / "slapd"
    folder.mkdir()
    with Slapd(folder, tree("sdet.ldif"), DATA / "sdet.schema", sync=getattr(request, "param", True)) as started:
        yield started


@pytest.fixture
def imported(mailgate: Command, server: Slapd) -> Command:
    mailgate.use(mailgate.config.read_text() + settings(server))
    mailgate.good("directory", "import")
    return mailgate


def lists(command: Command) -> dict[str, int]:
    return {one["address"]: one["members"] for one in command.good("list", "show", "--json").json}


def synced(command: Command, *options: str) -> dict[str, Any]:
    (one,) = command.good("directory", "sync", "--json", *options).json
    found: dict[str, Any] = one
    return found


@BOTH
def test_a_year_in_the_life_of_a_server(imported: Command, server: Slapd) -> None:
    by = "syncrepl" if server.syncs else "timestamps"
    before = lists(imported)
    first = synced(imported)
    assert (first["complete"], first["report"]["unchanged"]) == (True, True)
    assert synced(imported)["report"] is None
    with server.writing() as directory:
        directory.search(server.suffix, "(ENTEleveClasses=*)", attributes=["ENTEleveClasses"])
        class_of = {one["dn"]: one["raw_attributes"]["ENTEleveClasses"][0].decode() for one in directory.response}
        (here, _), (there, _) = Counter(class_of.values()).most_common(2)
        moved, named, gone = [dn for dn, name in class_of.items() if name == here][:3]
        directory.modify(moved, replaced(ENTEleveClasses=there))
        directory.modify(named, replaced(sn="Nouveau"))
    looked = synced(imported, "--dry-run")
    assert looked["report"]["changed"]
    done = synced(imported)
    assert done["complete"] is False
    assert done["report"]["sources"][0]["changed"] == 2
    assert lists(imported) != before
    with server.writing() as directory:
        directory.modify_dn(named, "uid=renamed")
        directory.delete(gone)
    told = synced(imported)
    assert told["complete"] is False
    left = synced(imported, "--complete")
    # Timestamps tell nothing of who is gone.
    departures = [one["report"]["left"].get("pupil", 0) for one in (told, left)]
    assert departures == ([1, 0] if server.syncs else [0, 1])
    (state,) = imported.good("directory", "sync", "--status", "--json").json
    assert (state["by"], state["failures"], state["error"]) == (by, 0, "")
    fresh = imported.good("directory", "import", "--json").json
    assert fresh["unchanged"], "what was followed is what a complete reading gives"
    assert "never" not in imported.good("directory", "sync", "--status").out


def test_a_mass_departure_is_refused_and_told(imported: Command, server: Slapd) -> None:
    synced(imported)
    with server.writing() as directory:
        directory.search(server.suffix, "(objectClass=ENTEleve)", attributes=["1.1"])
        for one in directory.response[:200]:
            directory.delete(one["dn"])
    before = lists(imported)
    assert "too many pupils" in imported.refused(4, "directory", "sync", "--complete")
    assert lists(imported) == before
    (state,) = imported.good("directory", "sync", "--status", "--json").json
    assert state["failures"] == 1
    assert "too many pupils" in state["error"]
    done = synced(imported, "--force", "--complete")
    assert sum(done["report"]["left"].values()) > 0
    (state,) = imported.good("directory", "sync", "--status", "--json").json
    assert (state["failures"], state["error"]) == (0, "")


def test_nothing_to_follow(mailgate: Command) -> None:
    assert "no source on an LDAP server" in mailgate.refused(1, "directory", "sync")


def test_beside_aaf_deletions_there_are_no_departures(academy: Command, server: Slapd) -> None:
    academy.use(academy.config.read_text() + settings(server))
    academy.good("directory", "import", "--force")
    with server.writing() as directory:
        directory.search(server.suffix, "(objectClass=ENTEleve)", attributes=["1.1"])
        for one in directory.response[:200]:
            directory.delete(one["dn"])
    done = synced(academy, "--complete")
    assert done["report"]["sources"][0]["removed"] == 200
    assert not done["report"]["left"]
