"""`mailgate config`, and where settings come from."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from mailgate.config import Settings, decode
from tests.cli.command import Command


def test_the_example_can_be_used_as_it_is(mailgate: Command) -> None:
    example = mailgate.good("config", "example").out
    assert decode(tomllib.loads(example)) == Settings()
    mailgate.use(example)
    assert mailgate.good("config", "check").out == "The settings are good.\n"


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ("[smtp]\nmax_recipient = 3", "smtp.max_recipient: no such setting; `mailgate config example` lists them all"),
        ("[gateway]\nstop_grace = 'soon'", "gateway.stop_grace: expected `float`, got `str`"),
        ("[directory]\nmax_departures = 2.0", "directory.max_departures: expected `float` <= 1.0"),
        ("[directory.ldap]\nurl = 'ldaps://h'", "directory.ldap.base: is required"),
        ("[smtp", "is not valid TOML: Expected ']' at the end of a table declaration (at end of document)"),
    ],
)
def test_a_wrong_setting_ends_with_code_3_and_one_line_that_names_file_and_key(
    mailgate: Command, settings: str, line: str
) -> None:
    mailgate.use(settings)
    for command in (["config", "check"], ["check"], ["serve"], ["list", "show"]):
        assert mailgate.refused(3, *command) == f"{mailgate.config}: {line}"


def test_a_missing_file_says_how_to_start(mailgate: Command) -> None:
    mailgate.config.unlink()
    assert mailgate.refused(3, "check") == (
        f"{mailgate.config}: no such file; `mailgate config example` prints one to start from"
    )


def test_a_file_that_is_not_text_is_one_line(mailgate: Command) -> None:
    mailgate.config.write_bytes(b"\xff\xfe")
    assert "cannot be read: " in mailgate.refused(3, "config", "check")


def test_a_wrong_variable_is_named(mailgate: Command) -> None:
    line = mailgate.refused(3, "config", "check", MAILGATE_SMTP__MAX_RECIPIENTS="many")
    assert line.startswith("environment variable MAILGATE_SMTP__MAX_RECIPIENTS: smtp.max_recipients: expected `int`")


def test_the_option_wins_over_the_variable_and_both_over_the_usual_place(tmp_path: Path) -> None:
    command = Command(tmp_path)
    for name in ("option", "variable"):
        (tmp_path / f"{name}.toml").write_text(f"[{name}]")
    variable = {"MAILGATE_CONFIG": str(tmp_path / "variable.toml")}
    by_variable = command.alone("config", "check", **variable)
    assert (by_variable.code, "variable.toml: variable: no such setting" in by_variable.err) == (3, True)
    by_option = command.alone("--config", tmp_path / "option.toml", "config", "check", **variable)
    assert (by_option.code, "option.toml: option: no such setting" in by_option.err) == (3, True)


def test_the_usual_place_is_read_when_nothing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mailgate.cli import context  # noqa: PLC0415

    path = tmp_path / "mailgate.toml"
    monkeypatch.setattr(context, "DEFAULT_CONFIG", path)
    monkeypatch.delenv("MAILGATE_CONFIG", raising=False)
    assert context.Context(None).settings().gateway.hostname == "localhost"
    path.write_text("[gateway]\nhostname = 'mail.example.org'")
    assert context.Context(None).settings().gateway.hostname == "mail.example.org"


def test_the_environment_wins_over_the_file(mailgate: Command, tmp_path: Path) -> None:
    elsewhere = f"sqlite:///{tmp_path}/elsewhere.db"
    line = mailgate.refused(1, "list", "show", MAILGATE_DATABASE__URL=elsewhere)
    assert line.startswith(f"there is no database {tmp_path}/elsewhere.db yet")


@pytest.mark.parametrize("url", ["mysql://h/d", "postgresql://u:p@h", "sqlite://", "nonsense"])
def test_a_database_url_that_cannot_be_used_ends_with_code_3(mailgate: Command, url: str) -> None:
    line = mailgate.refused(3, "list", "show", MAILGATE_DATABASE__URL=url)
    assert "use sqlite:////absolute/path/mailgate.db or postgresql://" in line
