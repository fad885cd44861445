"""Which sources a command line means, and what there is to read of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection

from directory.opening import open_files, open_server
from directory.readers.values import is_uai
from directory.school_year import year_label
from directory.source import LIVE, OF_ONE_SCHOOL, Format, Source
from directory.sources import NOW, Reading
from directory.years import year_ahead
from mailgate.cli.context import CommandFailed
from mailgate.config import Directory, DirectorySource, Ldap


class Origin(NamedTuple):
    """A source, and where it is: files, or else a server."""

    source: Source
    path: Path | None
    server: Ldap | None


def origins(
    settings: Directory, path: Path | None, name: str | None, format_: Format | None, school: str
) -> list[Origin]:
    """What is to be read: every source of the settings, or the one that is named.

    Raises:
        CommandFailed: the settings and the command line together name no source, or no place to read it.
    """
    if path is None and name is None and format_ is None:
        if not settings.sources:
            raise CommandFailed("name a path and its --format, or give the sources in [[directory.sources]]")
        return [_found(one.origin, one.path, one.ldap or settings.ldap) for one in settings.sources]
    source, usual = _named(settings, name, format_, school)
    if usual is None:
        return [_found(source, path, settings.ldap)]
    return [_found(source, path or usual.path, usual.ldap or settings.ldap)]


def readings(
    connection: Connection, academy: str, found: Sequence[Origin], current: int, wanted: int | None = None
) -> list[Reading]:
    """What there is to read. `current` is the school year that the directory is of; each source is held for the year
    that is `wanted`, else for the later one that its files say they are of.

    Raises:
        CommandFailed: a year that is over, or too far away.
        DirectoryError: there is nothing at the path.
    """
    if wanted not in (None, current, current + 1):
        raise CommandFailed(f"the directory is of {year_label(current)}: the year to prepare is {current + 1}")
    asked = NOW if wanted == current else wanted
    return [_open(connection, academy, one, current, asked) for one in found]


def _named(
    settings: Directory, name: str | None, format_: Format | None, school: str
) -> tuple[Source, DirectorySource | None]:
    """The source that is meant, and what the settings say of it."""
    for one in settings.sources:
        if one.name == name:
            if format_ not in (None, one.format) or school not in ("", one.school):
                raise CommandFailed(f"the settings say that {name} is of another format or school")
            return one.origin, one
    if name is not None and format_ is None:
        raise CommandFailed(f"the settings have no source {name}: --format says how it is written")
    wanted = format_ or Format.AAF
    alike = [one for one in settings.sources if one.format is wanted and school in ("", one.school)]
    if name is None and len(alike) == 1:
        return alike[0].origin, alike[0]
    if name is None and alike:
        raise CommandFailed(
            f"{', '.join(one.name for one in alike)} are all of format {wanted}: name one with --source"
        )
    if wanted in OF_ONE_SCHOOL and not school:
        raise CommandFailed(f"{wanted} tells of one school: name it by --school")
    if school and not is_uai(school):
        raise CommandFailed(f"{school} is not a UAI (seven digits and their letter)")
    return Source(name or "-".join(filter(None, (wanted, school))), wanted, school), None


def _found(source: Source, path: Path | None, server: Ldap | None) -> Origin:
    if path is None and source.format not in LIVE:
        raise CommandFailed(f"where is {source.name}? Name its path")
    if path is None and server is None:
        raise CommandFailed("the settings name no LDAP directory: fill in [directory.ldap]")
    return Origin(source, path, server)


def _open(connection: Connection, academy: str, one: Origin, current: int, asked: int | None) -> Reading:
    if one.path is not None:
        year = year_ahead(connection, academy, one.source, one.path, current) if asked is None else asked
        return open_files(one.source, one.path, year or current, held_for=year)
    return open_server(one.source, one.server.to_dict() if one.server else {}, held_for=asked or NOW)
