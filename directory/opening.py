"""The files of a source, whatever their format, as what there is to read of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from directory.model import DirectoryError, Record
from directory.readers.aaf import Delivery, deliveries, read_delivery
from directory.readers.delivery import fingerprint
from directory.readers.gepi import read_gepi
from directory.readers.lcs import LcsSettings, read_lcs, read_lcs_ldif
from directory.readers.plain_csv import read_csv
from directory.readers.scribe import ScribeSettings, read_scribe, read_scribe_ldif
from directory.readers.siecle import read_siecle
from directory.readers.sts import read_sts
from directory.source import Format, Source
from directory.sources import NOW, CompleteSet, Delta, Reading, Step

if TYPE_CHECKING:
    from directory.readers.sdet_ldap import SdetSettings

Reader: TypeAlias = Callable[[Path, int, str], Iterator[Record]]
"""Path, school year (the first of its two calendar years) and the UAI that is expected, or empty."""

READERS: Final[Mapping[Format, Reader]] = {
    Format.SIECLE: read_siecle,
    Format.STS: read_sts,
    Format.CSV: lambda path, _, school: read_csv(path, school),
    Format.GEPI: lambda path, _, school: read_gepi(path, school),
    Format.LCS: lambda path, _, school: read_lcs_ldif(path, school),
    Format.SCRIBE: lambda path, _, school: read_scribe_ldif(path, school),
}
"""Formats of complete sets in files, LDIF among them; AAF has deltas too."""


def open_files(source: Source, path: Path, school_year: int, *, held_for: int = NOW) -> Reading:
    """What there is to read of a source at a path; for AAF the names of the files tell complete sets from deltas.
    `held_for` is the year of the `Reading`.

    Raises:
        DirectoryError: nothing there, a damaged archive, or a format that is not read from files.
    """
    stands_for = fingerprint(path)
    if source.format is Format.AAF:
        return Reading(source, [_step(delivery) for delivery in deliveries(path)], stands_for, held_for)
    reader = READERS.get(source.format)
    if reader is None:
        raise DirectoryError(path.name, None, f"{source.format} is not read from files")
    records = reader(path, school_year, source.school)
    return Reading(source, [CompleteSet("", records)], f"{school_year} {stands_for}", held_for)


def open_server(source: Source, server: Mapping[str, Any], *, held_for: int = NOW) -> Reading:
    """What there is to read of a source on an LDAP server; `server` is what its reader's settings are told."""
    return Reading(source, [CompleteSet("", read_server(source, server))], year=held_for)


def read_server(source: Source, server: Mapping[str, Any]) -> Iterator[Record]:
    """Every record of a source on an LDAP server. Raises DirectoryError."""
    reader, _ = _live(source.format)
    yield from reader(server_settings(source, server))


def server_settings(source: Source, server: Mapping[str, Any]) -> SdetSettings | LcsSettings | ScribeSettings:
    """What the reader of a source on an LDAP server is told."""
    kind = _live(source.format)[1]
    known = {one.name for one in fields(kind)}
    said = {name: value for name, value in {**server, "school": source.school}.items() if name in known}
    made: SdetSettings | LcsSettings | ScribeSettings = kind(**said)
    return made


def _live(format_: Format) -> tuple[Callable[[Any], Iterator[Record]], type[Any]]:
    """The reader of a live tree, and its settings."""
    if format_ is Format.LCS:
        return read_lcs, LcsSettings
    if format_ is Format.SCRIBE:
        return read_scribe, ScribeSettings
    from directory.readers.sdet_ldap import SdetSettings, read_sdet  # noqa: PLC0415 - ldap3 costs 0.2 s

    return read_sdet, SdetSettings


def _step(delivery: Delivery) -> Step:
    requests = read_delivery(delivery)
    return Delta(delivery.day, requests) if delivery.delta else CompleteSet(delivery.day, requests=requests)
