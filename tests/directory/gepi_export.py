"""The tables that GEPI's page “Export des tables” would write of the demo academy, made of its ground truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from directory.model import Pupil, Record, Service, Staff, Subject
from directory.names import folded
from tests.directory.civil import Civil

ELENOET = 10_000_000 - 5_000
"""What is taken from the number of a pupil to have the school's own."""


def login_of(given: str, sn: str) -> str:
    """As GEPI makes one by default: seven letters of the surname and the initial."""
    return (folded(sn).replace("-", "")[:7] + folded(given)[:1]).upper()


def write_export(
    folder: Path, truth: dict[str, Any], records: list[Record], school: str, civil: Mapping[int, Civil]
) -> None:
    """The seven files; `records` are those of STSWEB, which has the services, and of the spreadsheet tables."""
    pupils = [one for one in records if isinstance(one, Pupil) and one.school == school]
    people = {one["id"]: one for one in truth["accounts"]}
    staff = [one for one in records if isinstance(one, Staff) and one.id.startswith("epp-") and one.before_pupils]
    tables: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    taken: dict[str, list[str]] = defaultdict(list)
    for member in staff:
        title = "MME" if member.title == "Mme" else member.title
        tables["g_professeurs.csv"].append((member.sn, member.given, title, ""))
        _services(tables, member, truth, school, taken)
    for one in pupils:
        number = str(int(one.id) - ELENOET)
        account = people[int(one.id)]
        title = "F" if account["title"] == "Mme" else "M"
        ine, born = civil[int(one.id)]
        tables["g_eleves.csv"].append((one.sn, one.given, born, number, ine, "0131003V", "NON", "EXTERN", title))
        tables["g_eleves_classes.csv"] += [(number, place.name) for place in one.classes]
        subjects = dict.fromkeys(subject for place in one.groups for subject in taken[place.name])
        if subjects:
            tables["g_eleves_options.csv"].append((number, "!".join(subjects)))
        for guardian in account["guardians"]:
            relative = people[guardian]
            title = "MME" if relative["title"] == "Mme" else "M."
            address = (f"{guardian % 97} rue Neuve", "", "13000", f"{guardian % 97} rue Neuve", "MARSEILLE")
            tables["g_responsables.csv"].append((number, relative["sn"], relative["given"], title, *address))
    subjects_taught = [one for one in records if isinstance(one, Subject)]
    tables["g_disciplines.csv"] = [(one.code, one.label) for one in subjects_taught]
    for name, rows in tables.items():
        text = "".join(";".join(row) + ";\r\n" for row in dict.fromkeys(rows))
        (folder / name).write_text(text, encoding="utf-8")


def _services(
    tables: dict[str, list[tuple[str, ...]]],
    one: Staff,
    truth: dict[str, Any],
    school: str,
    taken: dict[str, list[str]],
) -> None:
    login = login_of(one.given, one.sn)
    classes = {
        group["code"]: "!".join(sorted(group["classes"]))
        for each in truth["schools"]
        if each["uai"] == school
        for group in each["groups"]
    }

    def row(service: Service, names: str, kind: str) -> tuple[str, ...]:
        return login, service.subject, names, kind

    tables["g_prof_disc_classes.csv"] += [row(service, service.place.name, "CG") for service in one.classes]
    for service in one.groups:
        tables["g_prof_disc_classes.csv"].append(row(service, classes[service.place.name], "OPT"))
        taken[service.place.name].append(service.subject)
