"""Settings: the example is complete and true, and every error names its file and its key."""

from __future__ import annotations

import dataclasses
import datetime
import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from directory.precedence import DEFAULT, Group
from directory.source import Format, Source
from imap.limits import Limits
from mailgate import config
from mailgate.app import imap_limits

SOURCE = "[[directory.sources]]\nname = 'aaf'\nformat = 'aaf'\npath = '/srv/aaf'\n"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mailgate.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_example_is_exactly_the_defaults() -> None:
    assert config.decode(tomllib.loads(config.example())) == config.Settings()


def test_example_names_every_key() -> None:
    commented = config.example()

    def check(name: str, section: type) -> None:
        assert f"[{name}]" in commented
        for key in msgspec.structs.fields(section):
            if isinstance(key.type, type) and issubclass(key.type, config.Section):
                check(f"{name}.{key.encode_name}", key.type)
            elif key.name not in {"domains", "ldap", "precedence", "school_names", "sources", "weights"}:
                named = f"\n{key.encode_name} = ", f"# {key.encode_name} = "
                assert any(one in commented for one in named), f"{name}.{key.encode_name}"

    for section in msgspec.structs.fields(config.Settings):
        check(section.encode_name, section.type)


def test_every_limit_of_the_engine_can_be_set() -> None:
    settable = {key.name: key.default for key in msgspec.structs.fields(config.ImapLimits)}
    engine = {field.name: field.default for field in dataclasses.fields(Limits) if field.name != "message"}
    assert settable == engine
    settings = config.decode({"imap": {"max_message_size": 7, "limits": dict.fromkeys(settable, 20_000)}})
    assert dataclasses.asdict(imap_limits(settings)) == {"message": 7} | dict.fromkeys(settable, 20_000)
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    assert all(f"`{name}`" in page for name in settable)


def test_missing_file_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(config.ConfigError, match=r"absent\.toml: no such file; `mailgate config example`"):
        config.load(tmp_path / "absent.toml", {})


@pytest.mark.parametrize(
    ("text", "key", "problem"),
    [
        ("[imap]\nmax_message_size = 'big'", "imap.max_message_size", "expected `int`"),
        ("[imap]\nmax_message_size = 0", "imap.max_message_size", ">= 1"),
        ("[imap]\nlisten = 993", "imap.listen", "expected `array`"),
        ("[smtp]\nmax_recipient = 3", "smtp.max_recipient", "no such setting"),
        ("[smpt]\nlisten = []", "smpt", "no such setting"),
        ("[log]\nlevel = 'loud'", "log.level", "invalid enum value"),
        ("[directory]\nmax_departures = 2.0", "directory.max_departures", "<= 1"),
        ("[directory.ldap]\nurll = ''", "directory.ldap.urll", "no such setting"),
        ("[directory]\naaf = '/srv/aaf'", "directory.aaf", "no such setting"),
        (SOURCE.replace("aaf", "xyz"), "directory.sources[0].format", "invalid enum value"),
        (SOURCE.replace("path", "paht"), "directory.sources[0].paht", "no such setting"),
        (SOURCE.partition("path")[0], "directory.sources[0]", "needs a path"),
        (SOURCE.replace("'aaf'", "'sts'"), "directory.sources[0]", "school is its UAI"),
        (SOURCE.replace("name = '", "name = '../"), "directory.sources[0].name", "matching regex"),
        ("[directory.precedence]\nmails = ['aaf']", "directory.precedence", "invalid enum value 'mails'"),
        ("[directory.precedence]\ncontact = ['siecl']", "directory", "siecl is no format and no name of a source"),
        (SOURCE + "ldap = {url = 'ldaps://h', base = ''}", "directory.sources[0]", "not read from an LDAP server"),
        (SOURCE.partition("path")[0].replace("aaf", "lcs"), "directory.sources[0]", "a path, or the ldap server"),
        (SOURCE + SOURCE, "directory", "two sources are called aaf"),
        (SOURCE.replace("'aaf'\npath = '/srv/aaf'", "'sdet'"), "directory", "[directory.ldap], which is missing"),
        ("[imap.limits]\nautologout = 60", "imap.limits.autologout", ">= 1800"),
        ("[imap.limits]\nmessage = 60", "imap.limits.message", "no such setting"),
        ("database = 3", "database", "expected `object`"),
    ],
)
def test_error_names_file_and_key(tmp_path: Path, text: str, key: str, problem: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(config.ConfigError) as caught:
        config.load(path, {})
    assert caught.value.key == key
    assert caught.value.source == str(path)
    assert problem in str(caught.value)


def test_broken_toml_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(config.ConfigError, match=r"mailgate\.toml: is not valid TOML: .*line 3"):
        config.load(write(tmp_path, "[imap]\nlisten = [\n= 3"), {})


def test_environment_overrides_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "[imap]\nlisten = ['127.0.0.1:1']\n[database]\nurl = 'sqlite:///a.db'")
    environment = {
        "MAILGATE_IMAP__LISTEN": '["127.0.0.1:1993"]',
        "MAILGATE_DATABASE__URL": "postgresql://u:p@h/db",
        "MAILGATE_SMTP__MAX_RECIPIENTS": "7",
        "MAILGATE_DIRECTORY__LDAP__URL": "ldaps://h",
        "MAILGATE_DIRECTORY__LDAP__BASE": "dc=example",
        "MAILGATE_HOME": "ignored: names no section",
    }
    settings = config.load(path, environment)
    assert settings.imap.listen == ("127.0.0.1:1993",)
    assert settings.database.url == "postgresql://u:p@h/db"
    assert settings.smtp.max_recipients == 7
    assert settings.directory.ldap is not None
    assert settings.directory.ldap.url == "ldaps://h"


def test_error_in_the_environment_names_the_variable() -> None:
    with pytest.raises(config.ConfigError, match=r"environment variable MAILGATE_SMTP__MAX_RECIPIENTS: smtp\.max"):
        config.load(None, {"MAILGATE_SMTP__MAX_RECIPIENTS": "many"})


def test_a_source_says_whose_numbers_it_has() -> None:
    found = tomllib.loads(f"{SOURCE}\n{SOURCE.replace('aaf', 'csv')}school = '0131001T'\nidentifiers = 'academy'")
    assert [one.origin for one in config.decode(found).directory.sources] == [
        Source("aaf", Format.AAF),
        Source("csv", Format.CSV, "0131001T", academic=True),
    ]


@pytest.mark.parametrize(
    ("today", "year"), [((2025, 7, 31), 2024), ((2025, 8, 1), 2025), ((2025, 12, 31), 2025), ((2026, 1, 1), 2025)]
)
def test_school_year_turns_over_in_august(today: tuple[int, int, int], year: int) -> None:
    assert config.Directory().year(datetime.date(*today)) == year
    assert config.Directory(school_year=2019).year(datetime.date(*today)) == 2019


def test_the_page_tells_the_default_precedence() -> None:
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    told = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([a-z, ]+) \|$", page, re.MULTILINE))
    assert {group: told[group].split(", ") for group in Group} == {group: [*DEFAULT[group]] for group in Group}
