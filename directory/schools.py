"""Schools and cités scolaires: recognised by UAI, each with a mail domain that never changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, RowMapping, insert, select, update

from directory.model import School
from directory.names import free_slug, shown
from directory.schema import cite, new_id, school
from directory.settings import ImportSettings
from directory.staging import school_keys

ZONE = "ZONE"
"""The kind of a structure without pupils: it has no domain and no list."""

_PREFIX = {"COLLEGE": "clg", "LYCEE": "lyc"}


def schools_before(connection: Connection, settings: ImportSettings) -> frozenset[int]:
    """The schools of this academy whose last import was of an earlier school year."""
    rows = select(school.c.school_id).where(
        school.c.academy == settings.academy,
        school.c.school_year < settings.school_year,
    )
    return frozenset(connection.scalars(rows))


def sync_schools(connection: Connection, settings: ImportSettings, found: Mapping[str, School], *, source: str) -> None:
    """Bring schools and cités up to date, and stage which key means which school."""
    known = {row["uai"]: row for row in connection.execute(select(school)).mappings()}
    labels = _labels_in_use(connection, settings)
    ordered = sorted(found.values(), key=lambda record: (len(record.key), record.key))
    cites = _sync_cites(connection, settings, ordered, known, labels)
    keys: dict[str, int] = {}
    for record in ordered:
        row = known.get(record.uai)
        values = {
            "source": source,
            "academy": settings.academy,
            "siren": record.siren,
            "name": shown(record.name),
            "kind": record.kind,
            "domain": row["domain"] if row and row["domain"] else _domain(settings, record, labels),
            "cite_id": cites.get(record.key),
            "school_year": settings.school_year,
            "active": True,
        }
        keys[record.key] = row["school_id"] if row else new_id()
        if row is None:
            connection.execute(insert(school).values(school_id=keys[record.key], uai=record.uai, **values))
        elif any(row[name] != value for name, value in values.items()):
            connection.execute(update(school).where(school.c.school_id == row["school_id"]).values(**values))
    connection.execute(
        update(school)
        .where(school.c.academy == settings.academy, school.c.active)
        .where(school.c.school_id.not_in(keys.values()))
        .values(active=False)
    )
    connection.execute(insert(school_keys), [{"key": key, "school_id": value} for key, value in keys.items()])


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
