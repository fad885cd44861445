"""Reading the settings: a TOML file, then environment variables."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from mailgate.config.errors import ConfigError
from mailgate.config.settings import Settings

ENVIRONMENT_PREFIX = "MAILGATE_"
SECTION_SEPARATOR = "__"


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read `path` (defaults alone when None), then the environment. Raises ConfigError."""
    tree: dict[str, Any] = {}
    source = "defaults"
    if path is not None:
        source = str(path)
        try:
            tree = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(source, "", "no such file; `mailgate config example` prints one to start from") from None
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigError(source, "", f"cannot be read: {exc}") from exc
        except tomllib.TOMLDecodeError as exc:
            raise ConfigError(source, "", f"is not valid TOML: {exc}") from exc
    overridden = _overlay(tree, environment)
    try:
        return decode(tree)
    except msgspec.ValidationError as exc:
        key, problem = _explain(str(exc))
        variable = next((name for name, where in overridden.items() if _concerns(key, where)), None)
        raise ConfigError(f"environment variable {variable}" if variable else source, key, problem) from exc


def decode(tree: dict[str, Any]) -> Settings:
    """Check a parsed file. Raises msgspec.ValidationError."""
    return msgspec.convert(tree, Settings, strict=False, dec_hook=lambda kind, value: kind(value))


def _overlay(tree: dict[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """Write the environment's values into `tree`; give the dotted key of each variable used."""
    used: dict[str, str] = {}
    for name, text in sorted(environment.items()):
        if not name.startswith(ENVIRONMENT_PREFIX) or SECTION_SEPARATOR not in name:
            continue
        path = name.removeprefix(ENVIRONMENT_PREFIX).lower().split(SECTION_SEPARATOR)
        table = tree
        for step in path[:-1]:
            table = table.setdefault(step, {})
            if not isinstance(table, dict):
                raise ConfigError(f"environment variable {name}", ".".join(path), f"`{step}` is not a table")
        table[path[-1]] = _toml_value(text)
        used[name] = ".".join(path)
    return used


def _toml_value(text: str) -> object:
    try:
        value: object = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    # The setting's type says whether 1234 is a number or somebody's password.
    return value if isinstance(value, str | list | dict) else text


def _concerns(key: str, where: str) -> bool:
    """Whether a problem at `key` may come from what was set at `where`: it, something in it, or the table it is in."""
    steps = zip(key.partition("[")[0].split("."), where.split("."), strict=False)
    return all(one == other for one, other in steps)


def _explain(message: str) -> tuple[str, str]:
    """Split msgspec's message into the dotted key and the problem."""
    problem, _, where = message.replace(" - at `key` in `$.", " - at `$.").partition(" - at `$.")
    key = where.rstrip("`")
    if field := re.fullmatch(r"Object (contains unknown|missing required) field `(.*)`", problem):
        key = f"{key}.{field[2]}" if key else field[2]
        if field[1] == "missing required":
            return key, "is required"
        return key, "no such setting; `mailgate config example` lists them all"
    return key, problem[0].lower() + problem[1:]


def example() -> str:
    """A complete commented file, holding every key with its default."""
    return resources.files("mailgate").joinpath("config_example.toml").read_text(encoding="utf-8")
