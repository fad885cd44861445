"""Trees of LCS and Scribe on servers that the settings name: read whole, and followed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Command, describe
from tests.directory.academy import DATA, expected
from tests.directory.civil import civil_of_pupils
from tests.directory.demo_feeds import LCS_FILES
from tests.directory.projection import COLLEGE, unpacked
from tests.directory.scribe_tree import base, ldif
from tests.directory_ldap.scribe_schema import scribe_schema
from tests.support.slapd import PASSWORD, Slapd, replaced

NIS = Path("/etc/ldap/schema/nis.schema")
PUPILS = "eleves@clg-frederic-mistral.ent.example.org"


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    return expected()


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, truth: dict[str, Any]
) -> Iterator[tuple[str, str, Slapd]]:
    """The format, the base of the tree, and the server."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "lcs":
        tree = (unpacked(DATA / "lcs.tar.xz", folder / "lcs") / LCS_FILES[COLLEGE]).read_text(encoding="utf-8")
        schema = NIS
    else:
        civil = civil_of_pupils(unpacked(DATA / "csv.tar.xz", folder / "csv"))
        tree, schema = ldif(truth, COLLEGE, civil), scribe_schema(folder)
    (folder / "slapd").mkdir()
    with Slapd(folder / "slapd", tree, schema, sync=True) as started:
        yield request.param, f"ou=lcs,{started.suffix}" if request.param == "lcs" else base(COLLEGE), started


@pytest.mark.parametrize("server", ["lcs", "scribe"], indirect=True)
def test_a_tree_of_the_settings_is_read_and_followed(
    mailgate: Command, server: tuple[str, str, Slapd], truth: dict[str, Any]
) -> None:
    format_, top, slapd = server
    ldap = {
        "url": slapd.ldaps,
        "base": top,
        "bind_dn": slapd.reader,
        "bind_password": PASSWORD,
        "ca": str(slapd.tls.ca),
    }
    domains = describe({"directory.domains": {COLLEGE: "clg-frederic-mistral.ent.example.org"}})
    source = f'[[directory.sources]]\nname = "school"\nformat = "{format_}"\nschool = "{COLLEGE}"\n'
    mailgate.use(mailgate.config.read_text() + domains + source + describe({"directory.sources.ldap": ldap}))
    mailgate.good("directory", "import")
    lists = {one["address"]: one["members"] for one in mailgate.good("list", "show", "--json").json}
    classes = {
        address: len(one["members"])
        for address, one in truth["lists"].items()
        if one["school"] == COLLEGE and one["kind"] == "class" and one["audience"] in ("eleves", "profs")
    }
    assert {address: lists[address] for address in classes} == classes
    with slapd.writing() as directory:
        directory.search(top, "(|(uid=10000001)(employeeNumber=10000001))", attributes=["1.1"])
        directory.modify(directory.response[0]["dn"], replaced(sn="Nouveau"))
    (done,) = mailgate.good("directory", "sync", "--json").json
    assert done["report"]["changed"] == {"pupil": 1}
