"""`mailgate school setup`: a school in one command, which goes on where it stopped, and is undone by no error."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Command, Outcome, describe
from tests.cli.test_dkim import serving
from tests.directory.academy import DEMO
from tests.i18n.test_administrators_pages import ENGLISH, commands
from tests.support.nameserver import txt

SCHOOL = "0131001T"
DOMAIN = "clg-frederic-mistral.ent.example.org"
STEPS = ["settings", "domain", "directory", "policy", "lists", "administrators", "dkim", "dns", "letters"]


def with_pages(command: Command, **more: dict[str, Any]) -> Command:
    sections: dict[str, Any] = {"web": {"listen": ["127.0.0.1:8443"]}, "gateway": {"hostname": "mail.x.org"}, **more}
    command.use(command.config.read_text() + describe(sections))
    return command


def statuses(outcome: Outcome) -> dict[str, str]:
    return {one["step"]: one["status"] for one in outcome.json["steps"]}


def step(outcome: Outcome, name: str) -> dict[str, Any]:
    [found] = [one for one in outcome.json["steps"] if one["step"] == name]
    assert isinstance(found, dict)
    return found


def test_a_school_in_one_command_and_nothing_again(empty: Command, tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    with_pages(empty)
    head = "elodie.lecomte@ent.example.org"
    options = ("--administrator", head, "--contact", "l’accueil", "--letters", folder, "--json")
    first = empty.good("school", "setup", SCHOOL.lower(), "--directory", DEMO, *options)
    assert list(statuses(first)) == STEPS
    done = {"domain", "directory", "policy", "administrators", "dkim", "letters"}
    assert {name for name, status in statuses(first).items() if status == "done"} == done
    assert step(first, "directory")["report"]["added"]["pupil"] > 400
    assert sum(step(first, "lists")["lists"].values()) > 150
    assert step(first, "administrators")["administrators"] == [head]
    assert len(step(first, "dkim")["keys"]) == 2
    names = {one["name"] for one in step(first, "dns")["records"]}
    assert {DOMAIN, f"_dmarc.{DOMAIN}", *(one["name"] for one in step(first, "dkim")["keys"])} <= names
    assert sorted(map(str, folder.iterdir())) == sorted(step(first, "letters")["files"])
    delegates = empty.good("list", "describe", f"parents@{DOMAIN}", "--json").out
    assert head in delegates
    before = [one.read_bytes() for one in sorted(folder.iterdir())]
    again = empty.good("school", "setup", SCHOOL, "--directory", DEMO, *options)
    assert set(statuses(again).values()) <= {"done before", "shown", "waits"}
    assert step(again, "dkim") == step(first, "dkim") | {"status": "done before"}
    assert [one.read_bytes() for one in sorted(folder.iterdir())] == before


def test_who_sits_there_is_asked_and_sees_the_report_first(mailgate: Command, tmp_path: Path) -> None:
    with_pages(mailgate)
    answers = ["", str(DEMO), "n"]
    with_stdin = "\n".join(answers) + "\n"
    refused = mailgate("school", "setup", SCHOOL, stdin=with_stdin)
    assert refused.out.index("People would be added") < refused.out.index("Import this?")
    assert (refused.code, refused.out.splitlines()[-1].strip()) == (0, "Left out; the same command goes on here.")
    assert mailgate.good("list", "show", "--json").json == []
    answers = ["clg.ent.example.org", str(DEMO), "y", "en", "Mrs. Petit", "", str(tmp_path / "letters")]
    done = mailgate("school", "setup", SCHOOL, stdin="\n".join(answers) + "\n")
    assert (done.code, done.err) == (0, ""), done
    assert (tmp_path / "letters" / f"{SCHOOL}-staff.pdf").exists()
    shown = mailgate.good("school", "show", SCHOOL, "--json").json
    assert (shown["language"], shown["contact"]) == ("en", "Mrs. Petit")
    assert "tous@clg.ent.example.org" in done.out


def test_it_goes_on_after_an_error(mailgate: Command, tmp_path: Path) -> None:
    assert "--directory" in mailgate.refused(1, "school", "setup", SCHOOL, "--json")
    (tmp_path / "broken").write_text("no delivery")
    assert mailgate("school", "setup", SCHOOL, "--directory", tmp_path / "broken", "--json").code == 4
    known = mailgate("school", "setup", "0999999Z", "--directory", DEMO, "--json")
    assert (known.code, "the sources know no pupils of the school 0999999Z" in known.err) == (1, True)
    assert "0131001T" in known.err
    assert mailgate.good("list", "show", "--json").json == []  # that import was taken back
    unknown = mailgate("school", "setup", SCHOOL, "--directory", DEMO, "--administrator", "x@ent.example.org", "--json")
    assert (unknown.code, "x@ent.example.org" in unknown.err) == (1, True)
    rest = statuses(mailgate.good("school", "setup", SCHOOL, "--json"))
    assert [rest[name] for name in ("domain", "directory", "policy", "dkim")] == ["done before"] * 3 + ["done"]
    assert rest["letters"] == "waits"  # there is no page


@pytest.mark.parametrize("domain", ["clg.example.com", "ent.example.org.evil.com"])
def test_a_domain_is_ours_and_stays(mailgate: Command, domain: str) -> None:
    told = mailgate.refused(1, "school", "setup", SCHOOL, "--directory", DEMO, "--domain", domain, "--json")
    assert "[directory.domains]" in told


def test_the_domain_of_the_settings_is_given(mailgate: Command) -> None:
    with_pages(mailgate, **{"directory.domains": {SCHOOL: "clg.example.com"}})
    made = mailgate.good("school", "setup", SCHOOL, "--directory", DEMO, "--json")
    assert step(made, "dns")["records"][0]["name"] == "clg.example.com"
    assert {one["name"].partition("._domainkey.")[2] for one in step(made, "dkim")["keys"]} == {
        "clg.example.com", "ent.example.org"
    }  # fmt: skip
    told = mailgate.refused(1, "school", "setup", SCHOOL, "--domain", "other.ent.example.org", "--json")
    assert "has the domain clg.example.com, which stays" in told


def test_every_command_of_the_page_on_a_new_school(mailgate: Command, tmp_path: Path) -> None:
    """As somebody reads them, one after the other; of the records, the keys alone are published."""
    section = ENGLISH.partition("## A new school")[2].partition("\n## ")[0]
    lines = commands(section)
    assert len(lines) == 7
    zone: dict[str, list[str] | str] = {}
    with serving(zone) as port:
        with_pages(mailgate, dns={"servers": [f"127.0.0.1:{port}"], "timeout": 5})
        for line in lines:
            _, *words = shlex.split(line.replace("/srv/aaf", str(DEMO)).replace("/root/letters", str(tmp_path / "new")))
            outcome = mailgate(*words)
            if line == lines[0]:
                assert "[would be done]" in outcome.out
                assert "This was a rehearsal: nothing was changed." in outcome.out
                assert "_domainkey" not in outcome.out
                assert not (tmp_path / "new").exists()
                assert not (tmp_path / "mailgate.db").exists()
            incomplete = words[:2] == ["dns", "check"]
            assert (outcome.code, outcome.err) == (1 if incomplete else 0, ""), (line, outcome)
            if "--yes" in words:
                keys = mailgate.good("dkim", "list", "--json").json
                zone.update({f"{one['name']} TXT": [txt(one["record"])] for one in keys})
    assert f"{tmp_path / 'new'}/{SCHOOL}-6eme-a.html" in outcome.out
