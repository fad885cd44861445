"""`mailgate demo`: what it says, what it writes, and what a second start finds."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.command import Command
from tests.directory.academy import DATA, DEMO, NEXT_YEAR, expected
from tests.end_to_end.gateway import Gateway, compose, subjects
from tests.support.postgresql import PostgresqlServer

DEMO_COMMAND = [sys.executable, "-m", "mailgate", "demo"]


@dataclass(frozen=True, slots=True)
class Home:
    """Everything that a demo could write to, each in a folder of its own."""

    folder: Path
    gateway: Gateway

    @property
    def state(self) -> Path:
        return self.gateway.state


def home(folder: Path, *options: str) -> Home:
    places = {"HOME": folder / "home", "TMPDIR": folder / "temporary"}
    for place in (*places.values(), folder / "cwd"):
        place.mkdir()
    environment = {**os.environ, **{name: str(place) for name, place in places.items()}}
    gateway = Gateway(folder / "state", options, environment=environment, cwd=folder / "cwd")
    # Root's umask lets everybody read; the demo must not count on another one.
    return Home(folder, gateway)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def demo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgresql_server: PostgresqlServer
) -> Iterator[Home]:
    """A demo that was started, used a little, and stopped."""
    options = ("--store", postgresql_server.create_database()) if request.param == "postgresql" else ()
    made = home(tmp_path_factory.mktemp("demo"), *options)
    made.gateway.start()
    try:
        teacher, other = made.gateway.by_profile("teacher")[:2]
        made.gateway.send(teacher, [other.address], compose(teacher, other.address, "Avant"))
        assert made.gateway.stop() == 0
        yield made
    finally:
        made.gateway.kill()


def test_the_line_of_json_says_how_to_connect_and_who_can_sign_in(demo: Home) -> None:
    ready = demo.gateway.ready
    assert list(ready) == ["imaps", "smtps", "ca", "people", "lists"]
    assert [list(ready[one]) for one in ("imaps", "smtps")] == [["host", "port"]] * 2
    assert Path(ready["ca"]).read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert {tuple(one) for one in ready["people"]} == {
        ("address", "password", "profile", "school", "classes", "source_id")
    }
    truth = expected()
    assert {one["source_id"]: one["address"] for one in ready["people"]} == {
        one["id"]: one["address"] for one in truth["accounts"]
    }
    pupil = next(one for one in ready["people"] if one["profile"] == "pupil" and one["classes"] == ["6ème A"])
    assert pupil["school"] == "0131001T"
    assert ready["lists"] == sorted(truth["lists"])


def test_all_that_it_writes_is_in_the_state_folder_and_private(demo: Home) -> None:
    assert sorted(one.name for one in demo.folder.iterdir()) == [
        "cwd", "home", "state", "state.log", "temporary",
    ]  # fmt: skip
    assert [list((demo.folder / name).iterdir()) for name in ("cwd", "home", "temporary")] == [[], [], []]
    modes = {str(path.relative_to(demo.state)): path.stat().st_mode & 0o777 for path in demo.state.rglob("*")}
    # Certificates are for everybody to see, in a folder that only the owner may enter.
    public = {name: modes.pop(name) for name in ("tls/ca.pem", "tls/server.pem")}
    assert demo.state.stat().st_mode & 0o777 == modes.pop("tls") == 0o700
    assert set(public.values()) == {0o644}
    assert {"academy.json", "mailgate.toml", "tls/server.key", "tls/ca.key"} <= set(modes)
    assert set(modes.values()) == {0o600}, modes


def test_a_second_start_has_the_same_people_passwords_and_mail_without_another_import(demo: Home) -> None:
    gateway, kept = demo.gateway, demo.state / "academy.json"
    before, written = gateway.ready, kept.stat().st_mtime_ns
    gateway.start()
    assert [gateway.ready[one] for one in ("ca", "people", "lists")] == [
        before[one] for one in ("ca", "people", "lists")
    ]
    assert kept.stat().st_mtime_ns == written
    with gateway.imap(gateway.by_profile("teacher")[1]) as inbox:
        assert subjects(inbox) == ["Avant"]
    assert gateway.stop() == 0


def test_the_settings_it_leaves_serve_every_other_command(demo: Home) -> None:
    command = Command(demo.state)
    outcome = command("check", "--json")
    assert (outcome.code, [one["subject"] for one in outcome.json if one["state"] != "ok"]) == (0, [])
    assert len(command.good("list", "show", "--json").json) == 394


def test_a_folder_that_everybody_can_enter_holds_nothing_that_everybody_can_read(tmp_path: Path, demo: Home) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    made = home(tmp_path, *demo.gateway.options)
    if "--store" in made.gateway.options:
        pytest.skip("the database is elsewhere")
    made.gateway.start()
    try:
        modes = {path.name: path.stat().st_mode & 0o077 for path in state.iterdir()}
        assert {name for name, mode in modes.items() if mode} == set()
    finally:
        made.gateway.kill()


def test_a_lost_list_of_passwords_is_made_again(demo: Home) -> None:
    """A first start that was killed after the import and before the passwords were written."""
    before = {one.address for one in demo.gateway.people.values()}
    (demo.state / "academy.json").unlink()
    demo.gateway.start()
    assert {one.address for one in demo.gateway.people.values()} == before
    with demo.gateway.imap(demo.gateway.by_profile("teacher")[1]) as inbox:
        assert subjects(inbox) == ["Avant"]
    assert demo.gateway.stop() == 0


def test_a_port_in_use_is_one_line(demo: Home) -> None:
    with socket.socket() as occupant:
        occupant.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # as another gateway does
        occupant.bind(("127.0.0.1", 10993))
        occupant.listen()
        line = Command(demo.state).refused(1, "demo", "--state", demo.state, *demo.gateway.options, "--json")
    assert line == "cannot listen on 127.0.0.1:10993: Address already in use"


def test_a_set_of_ones_own_comes_in_over_what_is_there(demo: Home) -> None:
    gateway = Gateway(demo.state, (*demo.gateway.options, "--directory", str(DEMO)))
    gateway.start()
    assert gateway.ready["people"] == demo.gateway.ready["people"]
    assert gateway.stop() == 0


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """The demo academy with a hostile file in the place of its first pupils."""
    folder, other = tmp_path / "aaf", tmp_path / "other"
    shutil.unpack_archive(DEMO, folder)
    shutil.unpack_archive(DATA / "hostile.tar.xz", other)
    pupils = min(folder.rglob("*_Eleve_0000.xml"))
    return (other / "xxe_file_Eleve_0000.xml").replace(pupils).parent


def test_a_hostile_set_is_refused_by_a_new_demo_and_by_one_that_is_there(
    mailgate: Command, hostile: Path, demo: Home
) -> None:
    new = mailgate.folder / "new"
    for state, options in ((new, ()), (demo.state, demo.gateway.options)):
        line = mailgate.refused(
            4, "demo", "--state", state, *options, "--directory", hostile, "--ports", "auto", "--json"
        )
        assert re.match(r"\S+_Eleve_0000\.xml, line \d+: ", line)
    assert not (new / "academy.json").exists()


def test_another_set(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "state", ("--directory", str(NEXT_YEAR)))
    gateway.start()
    try:
        truth = expected("expected-next.json")
        # The truth is that of a second year: it knows two duplicates by the first.
        assert set(gateway.people) < {one["id"] for one in truth["accounts"]}
        assert set(gateway.lists) == set(truth["lists"])
    finally:
        gateway.kill()


def test_a_first_start_that_is_killed_recovers_at_the_next(tmp_path: Path) -> None:
    shows, gets = pty.openpty()
    state = tmp_path / "state"
    command = [*DEMO_COMMAND, "--state", str(state), "--ports", "auto", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=gets, env={**os.environ, "TERM": "xterm"}) as first:
        os.close(gets)
        shown = b""
        while b"lists: " not in shown:  # in the middle of the import
            shown = shown[-20:] + os.read(shows, 4096)
        first.send_signal(signal.SIGKILL)
    os.close(shows)
    gateway = Gateway(state)
    gateway.start()
    try:
        assert len(gateway.people) == 1115
        teacher = gateway.by_profile("teacher")[0]
        gateway.send(teacher, [teacher.address], compose(teacher, teacher.address, "Après"))
        with gateway.imap(teacher) as inbox:
            assert subjects(inbox) == ["Après"]
    finally:
        gateway.kill()


def test_the_line_is_whole_when_a_signal_comes_in_the_middle_of_it(demo: Home) -> None:
    """Unbuffered, as in a container, Python loses what an interrupted write did not take."""
    command = [*DEMO_COMMAND, "--state", str(demo.state), *demo.gateway.options, "--ports", "auto", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"}, bufsize=0
    ) as running:
        assert running.stdout is not None
        try:
            line = running.stdout.read(1)  # the rest is more than a pipe holds
            running.send_signal(signal.SIGHUP)
            while not line.endswith(b"\n"):
                line += running.stdout.read(65536)
        finally:
            running.send_signal(signal.SIGTERM)
        assert len(json.loads(line)["people"]) == 1115
    assert running.returncode == 0


def test_people_read_how_to_sign_in_and_control_c_ends_it(demo: Home) -> None:
    options = ["--state", str(demo.state), "--ports", "auto", *demo.gateway.options]
    with subprocess.Popen(
        [*DEMO_COMMAND, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "40"},
    ) as running:
        assert running.stdout is not None
        text = ""
        while "Stop with Ctrl-C." not in text:
            line = running.stdout.readline()
            assert line
            text += line
        running.send_signal(signal.SIGINT)
        rest, errors = running.communicate(timeout=60)
    assert (running.returncode, rest.strip(), errors) == (0, "", "")
    table = re.findall(r"^(\S+@ent\.example\.org) +(\S{34})  (\w+)", text, re.M)
    assert [profile for _, _, profile in table].count("teacher") == 3
    passwords = {one["address"]: one["password"] for one in demo.gateway.ready["people"]}
    assert all(passwords[address] == password for address, password, _ in table)
    assert f"All 1,115 people and their passwords: {demo.state / 'academy.json'}\n" in text
    assert f"  Trust      {demo.state / 'tls' / 'ca.pem'}\n" in text
    assert "for instance 6eme-a.parents@clg-frederic-mistral.ent.example.org\n" in text
