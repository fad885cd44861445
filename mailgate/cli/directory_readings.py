"""Which sources a command line means, and what there is to read of them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from directory.opening import open_files
from directory.source import Format, Source
from directory.sources import CompleteSet, Reading
from mailgate.cli.context import CommandFailed
from mailgate.config import Directory


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
        return [_open(settings, year, one.origin, one.path) for one in settings.sources]
    source, usual = _named(settings, name, format_, school)
    return [_open(settings, year, source, path or usual)]


def _named(settings: Directory, name: str | None, format_: Format | None, school: str) -> tuple[Source, Path | None]:
    """The source that is meant, and where the settings say that it is."""
    for one in settings.sources:
        if one.name == name:
            if format_ not in (None, one.format) or school not in ("", one.school):
                raise CommandFailed(f"the settings say that {name} is of another format or school")
            return one.origin, one.path
    if name is not None and format_ is None:
        raise CommandFailed(f"the settings have no source {name}: --format says how it is written")
    wanted = format_ or Format.AAF
    alike = [one for one in settings.sources if one.format is wanted and school in ("", one.school)]
    if name is None and len(alike) == 1:
        return alike[0].origin, alike[0].path
    if name is None and alike:
        raise CommandFailed(
            f"{', '.join(one.name for one in alike)} are all of format {wanted}: name one with --source"
        )
    return Source(name or "-".join(filter(None, (wanted, school))), wanted, school), None


def _open(settings: Directory, year: int, source: Source, path: Path | None) -> Reading:
    if path is not None:
        return open_files(source, path, year)
    if source.format is not Format.SDET:
        raise CommandFailed(f"where is {source.name}? Name its path")
    if settings.ldap is None:
        raise CommandFailed("the settings name no LDAP directory: fill in [directory.ldap]")
    from directory.readers.sdet_ldap import SdetSettings, read_sdet  # noqa: PLC0415 - ldap3 costs 0.2 s

    return Reading(source, [CompleteSet("", read_sdet(SdetSettings(**msgspec.structs.asdict(settings.ldap))))])
