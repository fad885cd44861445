"""The tree that Scribe would have of one school of the demo academy, made of its ground truth, and its schema."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from directory.names import plain, slug
from tests.directory_ldap.conftest import DATA

SUFFIX = "o=gouv,c=fr"
_EXTRA = """
include /etc/ldap/schema/nis.schema
include {sdet}
objectidentifier scribeRoot 1.3.6.1.4.1.4203.666.11.98
attributetype ( scribeRoot:1 NAME 'Ine' SUP name )
attributetype ( scribeRoot:2 NAME 'intid' SUP name )
attributetype ( scribeRoot:3 NAME 'typeadmin' SUP name )
attributetype ( scribeRoot:4 NAME 'divcod' SUP name )
attributetype ( scribeRoot:5 NAME 'type' SUP name )
objectclass ( scribeRoot:11 NAME 'eoleLocal' SUP top AUXILIARY MAY ( Ine $ intid $ typeadmin $ divcod $ type ) )
"""


def schema(folder: Path) -> Path:
    """What the tree needs beyond inetOrgPerson."""
    path = folder / "scribe.schema"
    path.write_text(_EXTRA.format(sdet=DATA / "sdet.schema"))
    return path


def base(school: str) -> str:
    return f"ou={school},ou=ac-exemple,ou=education,{SUFFIX}"


def ldif(truth: dict[str, Any], school: str) -> str:
    """The entries, in the order in which a server gives them out."""
    return "\n".join(_entry(dn, values) for dn, values in _entries(truth, school))


def _entry(dn: str, values: Iterable[tuple[str, str]]) -> str:
    lines = [f"dn: {dn}"]
    lines += [
        f"{name}: {value}" if value.isascii() else f"{name}:: {base64.b64encode(value.encode()).decode()}"
        for name, value in values
        if value
    ]
    return "\n".join(lines) + "\n"


def _entries(truth: dict[str, Any], school: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    top = base(school)
    yield SUFFIX, [("objectClass", "organization"), ("o", "gouv")]
    branches = ["ou=education", "ou=ac-exemple,ou=education", f"ou={school},ou=ac-exemple,ou=education"]
    branches += [f"ou=utilisateurs,{branches[-1]}", f"ou=groupes,{branches[-1]}", f"ou=local,ou=groupes,{branches[-1]}"]
    for kind in ("eleves", "personnels", "responsables"):
        branches += [f"ou={kind},{branches[3]}", f"ou=local,ou={kind},{branches[3]}"]
    for branch in branches:
        ou = branch.partition(",")[0].removeprefix("ou=")
        yield f"{branch},{SUFFIX}", [("objectClass", "organizationalUnit"), ("ou", ou)]
    here = [one for one in truth["accounts"] if school in one["schools"]]
    for one in here:
        yield _dn(one, top), list(_person(one, top, truth, school))
    for each in next(one for one in truth["schools"] if one["uai"] == school)["classes"]:
        squeezed = slug(each["name"])
        team = [("memberUid", str(number)) for number in each["teachers"]]
        names = [("objectClass", "posixGroup"), ("objectClass", "eoleLocal")]
        pupils = [("memberUid", str(number)) for number in each["pupils"]]
        groups = f"ou=local,ou=groupes,{top}"
        own = [("cn", squeezed), ("gidNumber", "1"), ("type", "Classe"), *pupils]
        yield f"cn={squeezed},{groups}", [*names, *own]
        theirs = [("cn", f"profs-{squeezed}"), ("gidNumber", "2"), ("type", "Equipe"), *team]
        yield f"cn=profs-{squeezed},{groups}", [*names, *theirs]


def _dn(one: dict[str, Any], top: str) -> str:
    kind = {"ELV": "eleves", "TUT": "responsables"}.get(one["profile"], "personnels")
    return f"uid={one['id']},ou=local,ou={kind},ou=utilisateurs,{top}"


def _person(one: dict[str, Any], top: str, truth: dict[str, Any], school: str) -> Iterator[tuple[str, str]]:
    profile = one["profile"]
    own = {"ELV": "ENTEleve", "TUT": "ENTAuxPersRelEleve", "ENS": "ENTAuxEnseignant", "DOC": "ENTAuxEnseignant"}
    for name in ("inetOrgPerson", "ENTPerson", own.get(profile, "ENTAuxNonEnsEtab"), "eoleLocal"):
        yield "objectClass", name
    yield from (("uid", str(one["id"])), ("cn", plain(f"{one['given']} {one['sn']}")), ("sn", one["sn"]))
    yield from (("givenName", one["given"]), ("personalTitle", one["title"]), ("ENTPersonLogin", str(one["id"])))
    yield from (("ENTPersonJointure", str(one["id"])), ("intid", str(one["id"])))
    if profile == "ELV":
        yield from (("ENTPersonProfils", "eleve"), ("Ine", f"{one['id']}XX"), ("ENTPersonDateNaissance", "20120131"))
        if one["class"]:
            yield "ENTEleveClasses", f"{top}${one['class']}"
        for name in one["groups"]:
            yield "ENTEleveGroupes", f"{top}${name}"
    elif profile == "TUT":
        yield from (("ENTPersonProfils", "responsable"), ("mail", one["mail"]), ("mobile", "06 39 98 00 01"))
        pupils = {each["id"]: each for each in truth["accounts"] if each["profile"] == "ELV"}
        for child in one["children"]:
            if school in pupils[child]["schools"] and one["id"] in pupils[child]["guardians"]:
                yield "ENTAuxPersRelEleveEleve", _dn(pupils[child], top)
    else:
        yield "ENTPersonProfils", "enseignant" if profile in ("ENS", "DOC") else "administratif"
        heads = [name for uai, name in one["head_teacher_of"] if uai == school]
        if heads:
            yield "typeadmin", "2"
        yield from (("divcod", name) for name in heads)
