"""Schools and cités scolaires: recognised by UAI, each with a mail domain that never changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, RowMapping, insert, select, update

from directory.model import School
from directory.names import free_slug, shown
from directory.schema import cite, new_id, school
from directory.settings import ImportSettings
from directory.source import Format, Source
from directory.staging import school_keys

ZONE = "ZONE"
"""The kind of a structure without pupils: it has no domain and no list."""

_WHOLE = frozenset({Format.AAF, Format.SDET})
"""Formats of the academy, which name schools, their kind and their cité; others know them by the UAI."""
_KINDS = {"COLLEGE": "collège", "LYCEE": "lycée", "ECOLE": "école"}
_PREFIX = {"COLLEGE": "clg", "LYCEE": "lyc"}


@dataclass(frozen=True, slots=True)
class Known:
    """A school as its sources tell it together. `record` has the UAI as its key and its parent's; `rank` orders schools
    where one must come first; `source` gave the name; `whole` says that a source of the academy tells of it.
    """

    school_id: int
    record: School
    rank: tuple[int, str]
    source: str
    whole: bool


def in_words(kind: str, name: str) -> str:
    """A school as people call it, within a sentence: collège Frédéric-Mistral."""
    word = _KINDS.get(kind, kind.lower())
    return name if name.casefold().startswith(word) else f"{word} {name}"


def schools_before(connection: Connection, settings: ImportSettings) -> frozenset[int]:
    """The schools of this academy whose last import was of an earlier school year."""
    rows = select(school.c.school_id).where(
        school.c.academy == settings.academy,
        school.c.school_year < settings.school_year,
    )
    return frozenset(connection.scalars(rows))


def resolve_schools(
    connection: Connection,
    settings: ImportSettings,
    sources: Sequence[Source],
    found: Mapping[str, Mapping[str, School]],
) -> list[Known]:
    """The schools that the sources (the best first) tell of, and staged which school each key of a source means.

    `found` has the records of each source by its own keys. A source of one school knows that school, named or not.
    """
    rows = {row["uai"]: row for row in connection.execute(select(school)).mappings()}
    told: dict[str, list[tuple[Source, School]]] = defaultdict(list)
    for source in sources:
        of_source = found[source.name]
        for record in of_source.values():
            parent = of_source.get(record.parent)
            told[record.uai].append((source, replace(record, parent=parent.uai if parent else "")))
        if source.school and source.school not in {record.uai for record in of_source.values()}:
            told[source.school].append((source, School(source.school, source.school, "", "", "")))
    schools = {uai: _together(settings, uai, records, rows.get(uai)) for uai, records in told.items()}
    staged = [
        {"source": source.name, "key": key, "school_id": schools[uai].school_id, "uai": uai}
        for source in sources
        for key, uai in _keys(source, found[source.name], schools).items()
    ]
    if staged:
        connection.execute(insert(school_keys), staged)
    return sorted(schools.values(), key=lambda one: one.rank)


def _keys(source: Source, found: Mapping[str, School], schools: Iterable[str]) -> dict[str, str]:
    """The UAI for each key of a source; formats without keys of their own use the UAI of whatever school."""
    own = {key: record.uai for key, record in found.items()}
    if source.school:
        return {source.school: source.school} | own
    return own if source.format in _WHOLE else {uai: uai for uai in schools} | own


def _together(
    settings: ImportSettings, uai: str, told: Sequence[tuple[Source, School]], row: RowMapping | None
) -> Known:
    """One school of what is told of it, the best first. What only worse sources say does not replace what is known."""
    whole = any(source.format in _WHOLE for source, _ in told)
    namer, named = next(((source, record) for source, record in told if record.name), told[0])
    name, kind = named.name, named.kind
    if row and not (whole and named.name) and row["name"] not in ("", uai) and row["source"] != namer.name:
        name, kind, giver = row["name"], row["kind"], row["source"]
    else:
        giver = namer.name
    first = told[0][1].key
    record = School(
        key=uai,
        uai=uai,
        siren=next((record.siren for _, record in told if record.siren), row["siren"] if row else ""),
        kind=kind or (row["kind"] if row else ""),
        name=name or settings.school_names.get(uai, uai),
        parent=next((record.parent for _, record in told if record.parent), ""),
    )
    return Known(row["school_id"] if row else new_id(), record, (len(first), first), giver, whole)


def sync_schools(connection: Connection, settings: ImportSettings, found: Sequence[Known]) -> None:
    """Bring schools and cités up to date."""
    known = {row["uai"]: row for row in connection.execute(select(school)).mappings()}
    labels = _labels_in_use(connection, settings)
    cites = _sync_cites(connection, settings, [one.record for one in found], known, labels)
    for one in found:
        record, row = one.record, known.get(one.record.uai)
        cite_id = cites.get(record.key)
        values = {
            "source": one.source,
            "academy": settings.academy,
            "siren": record.siren,
            "name": shown(record.name),
            "kind": record.kind,
            "domain": row["domain"] if row and row["domain"] else _domain(settings, record, labels),
            "cite_id": row["cite_id"] if row and cite_id is None and not one.whole else cite_id,
            "school_year": settings.school_year,
            "active": True,
        }
        if row is None:
            connection.execute(insert(school).values(school_id=one.school_id, uai=record.uai, **values))
        elif any(row[name] != value for name, value in values.items()):
            connection.execute(update(school).where(school.c.school_id == row["school_id"]).values(**values))
    connection.execute(
        update(school)
        .where(school.c.academy == settings.academy, school.c.active)
        .where(school.c.school_id.not_in([one.school_id for one in found]))
        .values(active=False)
    )


def _labels_in_use(connection: Connection, settings: ImportSettings) -> set[str]:
    """First labels of the domains below the ENT's that are taken."""
    domains = [*connection.scalars(select(school.c.domain)), *connection.scalars(select(cite.c.domain))]
    domains += settings.domains.values()
    end = "." + settings.ent_domain
    return {domain.removesuffix(end) for domain in domains if domain and domain.endswith(end)}


def _domain(settings: ImportSettings, record: School, labels: set[str]) -> str | None:
    if record.kind == ZONE:
        return None
    if record.uai in settings.domains:
        return settings.domains[record.uai].lower()
    label = free_slug(f"{_PREFIX.get(record.kind, record.kind)}-{record.name}", labels)
    labels.add(label)
    return f"{label}.{settings.ent_domain}"


def _sync_cites(
    connection: Connection,
    settings: ImportSettings,
    found: Sequence[School],
    known: Mapping[str, RowMapping],
    labels: set[str],
) -> dict[str, int]:
    """The cité of each school key that is in one: schools that share the same leading school."""
    by_key = {record.key: record for record in found if record.kind != ZONE}
    sites: dict[str, list[School]] = defaultdict(list)
    for record in by_key.values():
        sites[record.parent if record.parent in by_key else record.key].append(record)
    cites: dict[str, int] = {}
    for lead, members in sites.items():
        if len(members) == 1:
            continue
        rows = [known[member.uai] for member in members if member.uai in known]
        cite_id = next((row["cite_id"] for row in rows if row["cite_id"] is not None), None)
        if cite_id is None:
            cite_id = _new_cite(connection, settings, by_key[lead], labels)
        cites |= {member.key: cite_id for member in members}
    return cites


def _new_cite(connection: Connection, settings: ImportSettings, lead: School, labels: set[str]) -> int:
    cite_id = new_id()
    label = free_slug(f"cite-{lead.name}", labels)
    labels.add(label)
    domain = f"{label}.{settings.ent_domain}"
    connection.execute(insert(cite).values(cite_id=cite_id, slug=label, name=shown(lead.name), domain=domain))
    return cite_id
