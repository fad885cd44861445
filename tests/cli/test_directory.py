"""`mailgate directory import`: whole or not at all, looked at first, from files or from LDAP."""

from __future__ import annotations

import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Command, describe
from tests.directory.academy import DATA, DEMO, NEXT_YEAR, expected
from tests.directory_ldap.conftest import DATA as LDAP_DATA
from tests.directory_ldap.conftest import tree
from tests.support.slapd import PASSWORD, Slapd

NOTHING: dict[str, int] = {}


def lists(command: Command) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = command.good("list", "show", "--json").json
    return [{key: value for key, value in one.items() if key != "list_id"} for one in found]


def unpack(archive: Path, target: Path, name: str = "") -> Path:
    """The files of an archive, or the one whose name begins with `name`, in a folder."""
    target.mkdir(exist_ok=True)
    with tarfile.open(archive) as packed:
        for member in packed.getmembers():
            content = packed.extractfile(member)
            if content is not None and Path(member.name).name.startswith(name):
                (target / Path(member.name).name).write_bytes(content.read())
    return target


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """The demo academy with a hostile file in the place of its first pupils."""
    folder = unpack(DEMO, tmp_path / "hostile")
    bomb = next(unpack(DATA / "hostile.tar.xz", tmp_path / "bomb", "billion_laughs").iterdir())
    bomb.rename(min(folder.glob("*_Eleve_0000.xml")))
    return folder


def test_the_demo_academy_comes_in_and_a_second_time_changes_nothing(empty: Command) -> None:
    report = empty.good("directory", "import", DEMO, "--json").json
    counts = expected()["counts"]
    assert sum(report["added"].values()) == counts["accounts"]
    assert report["lists"]["created"] == counts["lists"]
    assert report["lists"]["members_added"] == counts["memberships"]
    again = empty.good("directory", "import", DEMO, "--json").json
    assert [again[key] for key in ("added", "changed", "left", "returned")] == [NOTHING] * 4
    assert set(again["lists"].values()) == {0}


def test_dry_run_says_the_same_and_makes_no_database(mailgate: Command) -> None:
    looked = mailgate.good("directory", "import", DEMO, "--dry-run", "--json").json
    assert sorted(path.name for path in mailgate.folder.iterdir()) == ["mailgate.toml"]
    done = mailgate.good("directory", "import", DEMO, "--json").json
    assert looked.pop("dry_run") is True
    assert done.pop("dry_run") is False
    looked.pop("seconds"), done.pop("seconds")
    for change in looked["list_changes"]:
        assert (len(change["coming"]), len(change["going"])) == (change["came"], change["went"])
        change["coming"] = change["going"] = []
    assert looked == done


def test_dry_run_on_an_empty_database_makes_no_table(empty: Command) -> None:
    (empty.folder / "mailgate.db").touch()
    assert "People would be added: 1115" in empty.good("directory", "import", DEMO, "--dry-run").out
    assert empty.refused(1, "list", "show") == "the database is empty: `mailgate directory import` fills it"


def test_dry_run_changes_nothing_of_what_is_there(either: Command) -> None:
    before = lists(either)
    looked = either.good(
        "directory", "import", NEXT_YEAR, "--dry-run", "--json", MAILGATE_DIRECTORY__SCHOOL_YEAR="2026"
    ).json
    assert looked["left"]
    assert looked["added"]
    assert lists(either) == before
    again = either.good("directory", "import", DEMO, "--json").json
    assert [again[key] for key in ("added", "changed", "left", "returned")] == [NOTHING] * 4


def test_a_hostile_file_is_refused_with_file_and_line_and_nothing_changes(either: Command, hostile: Path) -> None:
    before = lists(either)
    for options in ([], ["--dry-run"], ["--json"], ["--force"]):
        line = either.refused(4, "directory", "import", hostile, *options)
        assert re.match(r"\S+_Eleve_0000\.xml, line 2: ", line)
    assert lists(either) == before


def test_a_hostile_first_import_leaves_an_empty_directory(empty: Command, hostile: Path) -> None:
    empty.refused(4, "directory", "import", hostile)
    assert empty.good("list", "show", "--json").json == []
    assert "People added: 1115" in empty.good("directory", "import", DEMO).out


@pytest.mark.parametrize("missing", ["absent", "empty"])
def test_a_delivery_that_is_not_there_is_refused(mailgate: Command, missing: str) -> None:
    path = mailgate.folder / missing
    if missing == "empty":
        path.mkdir()
    assert mailgate.refused(4, "directory", "import", path).startswith(f"{missing}: no ")


def test_mass_departures_are_refused_and_force_accepts_them(academy: Command, tmp_path: Path) -> None:
    partial = unpack(DEMO, tmp_path / "partial")
    for path in partial.glob("*_Eleve_*.xml"):
        whole = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"(?s)<addRequest>.*?</addRequest>", "", whole, count=70), encoding="utf-8")
    line = academy.refused(4, "directory", "import", partial)
    assert "too many pupils and staff are missing" in line
    assert "(0131001T): " in line
    assert "force" in line
    assert academy.good("directory", "import", DEMO, "--json").json["returned"] == NOTHING
    report = academy.good("directory", "import", partial, "--force", "--json").json
    assert report["left"]["pupil"] > 100


def test_a_leaver_reads_on_and_a_return_opens_the_account_again(academy: Command) -> None:
    before = {one["address"] for one in expected()["accounts"]}
    after = {one["address"] for one in expected("expected-next.json")["accounts"]}
    gone, stays = min(before - after), min(before & after)
    assert academy.good("account", "show", gone, "--json").json["state"] == "active"
    report = academy.good("directory", "import", NEXT_YEAR, "--json", MAILGATE_DIRECTORY__SCHOOL_YEAR="2026").json
    assert sum(report["left"].values()) > 0
    left = academy.good("account", "show", gone, "--json").json
    assert (left["state"], left["addresses"], len(left["mailboxes"])) == ("reading", [gone], 6)
    assert academy.good("account", "show", stays, "--json").json["state"] == "active"
    back = academy.good("directory", "import", DEMO, "--force", "--json").json
    assert back["returned"] == report["left"]
    assert academy.good("account", "show", gone, "--json").json["state"] == "active"


def test_the_settings_say_where_the_files_are_and_how_much_people_may_keep(mailgate: Command) -> None:
    line = mailgate.refused(1, "directory", "import")
    assert line == "name a path and its --format, or give the sources in [[directory.sources]]"
    sources = f'[{{name = "aaf", format = "aaf", path = "{DEMO}"}}]'
    report = mailgate.good(
        "directory", "import", MAILGATE_DIRECTORY__SOURCES=sources, MAILGATE_ACCOUNTS__QUOTA="1234567"
    ).out
    assert "People added: 1115 (595 relative, 455 pupil, 45 teacher, " in report
    assert "pupil without class: 2\n  10000452 Valérie Saint-Exupère: " in report
    assert "class without teacher: 1\n  BTS SIO 2 (0131002U): " in report
    assert "merged duplicate: 6\n" in report
    address = expected()["accounts"][0]["address"]
    assert mailgate.good("account", "show", address, "--json").json["quota"] == 1234567
    assert (mailgate.folder / "mailgate.db").stat().st_mode & 0o777 == 0o600


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("slapd"), tree("sdet.ldif"), LDAP_DATA / "sdet.schema") as started:
        yield started


def ldap(server: Slapd, **changed: str) -> str:
    settings = {
        "url": server.ldaps,
        "base": server.suffix,
        "bind_dn": server.reader,
        "bind_password": PASSWORD,
        "ca": str(server.tls.ca),
    }
    return describe({"directory.ldap": settings | changed})


def test_a_live_ldap_directory_gives_the_same_lists(mailgate: Command, slapd: Slapd) -> None:
    mailgate.use(mailgate.config.read_text() + ldap(slapd))
    report = mailgate.good("directory", "import", "--format", "sdet", "--json").json
    truth = expected()
    assert sum(report["added"].values()) == truth["counts"]["accounts"]
    assert Counter({one["address"]: one["members"] for one in lists(mailgate)}) == Counter(
        {address: len(one["members"]) for address, one in truth["lists"].items()}
    )


def test_an_ldap_directory_that_cannot_be_read_is_refused(mailgate: Command, slapd: Slapd) -> None:
    database = mailgate.config.read_text()
    mailgate.use(database + ldap(slapd, bind_password="wrong"))
    assert mailgate.refused(4, "directory", "import", "--format", "sdet").startswith(slapd.ldaps)
    mailgate.use(database + ldap(slapd, url="ldaps://127.0.0.1:1"))
    assert mailgate.refused(4, "directory", "import", "--format", "sdet").startswith("ldaps://127.0.0.1:1")
    mailgate.use(database)
    line = mailgate.refused(1, "directory", "import", "--format", "sdet")
    assert line == "the settings name no LDAP directory: fill in [directory.ldap]"


def test_an_ldap_directory_is_not_read_from_files(mailgate: Command) -> None:
    assert "sdet is not read from files" in mailgate.refused(4, "directory", "import", DEMO, "--format", "sdet")
