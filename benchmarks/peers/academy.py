"""An AAF delivery of one collège: its heads, and as many parents on one list as wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.peers.peer import SENDERS

PUPILS_PER_CLASS = 30
UAI = "0131001T"
_SCHOOL = "5001"
_MEF = "10010012110"

_DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE ficAlimMENESR SYSTEM "ficAlimMENESR.dtd">
<ficAlimMENESR>
{requests}
</ficAlimMENESR>
"""
_REQUEST = """<addRequest>
<operationalAttributes><attr name="{kind}"><value>{category}</value></attr></operationalAttributes>
<identifier><id>{key}</id></identifier>
<attributes>{attributes}</attributes>
</addRequest>"""


def write_academy(folder: Path, parents: int) -> None:
    """Write the delivery: `parents` pupils in classes of 30, each with one guardian."""
    folder.mkdir(parents=True)
    classes = [f"6{number:03}" for number in range((parents + PUPILS_PER_CLASS - 1) // PUPILS_PER_CLASS)]
    pupils = [_pupil(number, classes[number // PUPILS_PER_CLASS]) for number in range(parents)]
    _write(folder, "EtabEducNat", [_school(classes)])
    _write(folder, "MefEducNat", [_programme()])
    _write(folder, "MatiereEducNat", [])
    _write(folder, "PersEducNat", [_head(number) for number in range(SENDERS)])
    _write(folder, "PersRelEleve", [_person("PersRelEleve", 2_000_000 + n, f"Parent{n}") for n in range(parents)])
    _write(folder, "Eleve", pupils)


def _school(classes: Sequence[str]) -> str:
    attributes = {
        "ENTStructureJointure": [_SCHOOL],
        "ENTStructureUAI": [UAI],
        "ENTEtablissementUAI": [UAI],
        "ENTStructureSIREN": ["19131310015001"],
        "ENTStructureNomCourant": ["CLG-BANC D ESSAI-ac-EXEMPLE"],
        "ENTStructureTypeStruct": ["COLLEGE"],
        "ENTServAcAcademie": ["EXEMPLE"],
        "ENTStructureClasses": [f"{name}${name}${_MEF}" for name in classes],
        "ENTStructureGroupes": [""],
    }
    return _request("categorieStructure", "EtabEducNat", _SCHOOL, attributes)


def _programme() -> str:
    attributes = {
        "ENTMefJointure": [_MEF],
        "ENTLibelleMef": ["6EME"],
        "ENTMEFRattach": [_MEF],
        "ENTMEFSTAT11": ["21110010012"],
    }
    return _request("categorieMef", "MefEducNat", _MEF, attributes)


def _head(number: int) -> str:
    more = {
        "ENTPersonStructRattach": [_SCHOOL],
        "ENTPersonFonctions": [f"{_SCHOOL}$DIR$DIRECTION$D0010$CHEF D ETABLISSEMENT"],
        "PersEducNatPresenceDevantEleves": ["N"],
    }
    return _person("PersEducNat", 1_000_000 + number, f"Direction{number}", more)


def _pupil(number: int, class_name: str) -> str:
    more = {
        "ENTPersonStructRattach": [_SCHOOL],
        "ENTEleveMEF": [_MEF],
        "ENTEleveLibelleMEF": ["6EME"],
        "ENTEleveClasses": [f"{_SCHOOL}${class_name}"],
        "ENTElevePersRelEleve": [f"{2_000_000 + number}$10$1$1$0$1"],
    }
    return _person("Eleve", 3_000_000 + number, f"Eleve{number}", more)


def _person(category: str, key: int, surname: str, more: Mapping[str, Sequence[str]] | None = None) -> str:
    attributes = {
        "ENTPersonJointure": [str(key)],
        "ENTPersonDateNaissance": ["01/01/2014" if category == "Eleve" else ""],
        "ENTPersonNomPatro": [surname],
        "sn": [surname],
        "givenName": ["Camille"],
        "personalTitle": ["Mme"],
        "mail": [""],
        **(more or {}),
    }
    return _request("categoriePersonne", category, str(key), attributes)


def _request(kind: str, category: str, key: str, attributes: Mapping[str, Sequence[str]]) -> str:
    written = "".join(
        f'<attr name="{name}">{"".join(f"<value>{value}</value>" if value else "<value/>" for value in values)}</attr>'
        for name, values in attributes.items()
    )
    return _REQUEST.format(kind=kind, category=category, key=key, attributes=written)


def _write(folder: Path, category: str, requests: Iterable[str]) -> None:
    path = folder / f"ENT_BENCH_Complet_20260915_{category}_0000.xml"
    path.write_text(_DOCUMENT.format(requests="\n".join(requests)), encoding="utf-8")
