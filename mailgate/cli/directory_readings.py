"""Which sources a command line means, and what there is to read of them."""

from __future__ import annotations

from pathlib import Path

from directory.opening import open_files, open_server
from directory.source import LIVE, Format, Source
from directory.sources import Reading
from mailgate.cli.context import CommandFailed
from mailgate.config import Directory, DirectorySource, Ldap


def readings(
    settings: Directory, year: int, path: Path | None, name: str | None, format_: Format | None, school: str
) -> list[Reading]:
    """What is to be read: every source of the settings, or the one that is named.

    Raises:
        CommandFailed: the settings and the command line together name no source, or no place to read it.
        DirectoryError: there is nothing at the path.
    """
    if path is None and name is None and format_ is None:
        if not settings.sources:
            raise CommandFailed("name a path and its --format, or give the sources in [[directory.sources]]")
        return [_open(year, one.origin, one.path, one.ldap or settings.ldap) for one in settings.sources]
    source, usual = _named(settings, name, format_, school)
    if usual is None:
        return [_open(year, source, path, settings.ldap)]
    return [_open(year, source, path or usual.path, usual.ldap or settings.ldap)]


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
    return Source(name or "-".join(filter(None, (wanted, school))), wanted, school), None


def _open(year: int, source: Source, path: Path | None, server: Ldap | None) -> Reading:
    if path is not None:
        return open_files(source, path, year)
    if source.format not in LIVE:
        raise CommandFailed(f"where is {source.name}? Name its path")
    if server is None:
        raise CommandFailed("the settings name no LDAP directory: fill in [directory.ldap]")
    return open_server(source, server.to_dict())
