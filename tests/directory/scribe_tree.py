"""The tree that Scribe would have of one school of the demo academy, made of its ground truth."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from directory.names import plain, slug
from tests.directory.civil import SIECLE_PUPIL, Civil

SUFFIX = "o=gouv,c=fr"


def base(school: str) -> str:
    return f"ou={school},ou=ac-exemple,ou=education,{SUFFIX}"


def ldif(truth: dict[str, Any], school: str, civil: Mapping[int, Civil]) -> str:
    """The entries, in the order in which a server gives them out."""
    return "\n".join(_entry(dn, values) for dn, values in _entries(truth, school, civil))


def _entry(dn: str, values: Iterable[tuple[str, str]]) -> str:
    lines = [f"dn: {dn}"]
    lines += [
        f"{name}: {value}" if value.isascii() else f"{name}:: {base64.b64encode(value.encode()).decode()}"
        for name, value in values
        if value
    ]
    return "\n".join(lines) + "\n"


def _entries(
    truth: dict[str, Any], school: str, civil: Mapping[int, Civil]
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
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
        yield _dn(one, top), list(_person(one, top, truth, school, civil))
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


def _person(
    one: dict[str, Any], top: str, truth: dict[str, Any], school: str, civil: Mapping[int, Civil]
) -> Iterator[tuple[str, str]]:
    profile = one["profile"]
    own = {"ELV": "ENTEleve", "TUT": "ENTAuxPersRelEleve", "ENS": "ENTAuxEnseignant", "DOC": "ENTAuxEnseignant"}
    for name in ("inetOrgPerson", "ENTPerson", own.get(profile, "ENTAuxNonEnsEtab"), "eoleLocal"):
        yield "objectClass", name
    yield from (("uid", str(one["id"])), ("cn", plain(f"{one['given']} {one['sn']}")), ("sn", one["sn"]))
    yield from (("givenName", one["given"]), ("personalTitle", one["title"]), ("ENTPersonLogin", str(one["id"])))
    yield "ENTPersonJointure", str(one["id"])
    if profile == "ELV":
        own_civil = civil[one["id"]]
        day, month, year = own_civil.born.split("/")
        yield from (("ENTPersonProfils", "eleve"), ("Ine", own_civil.ine), ("intid", str(one["id"] - SIECLE_PUPIL)))
        yield "ENTPersonDateNaissance", f"{year}{month}{day}"
        if one["class"]:
            yield "ENTEleveClasses", f"{top}${one['class']}"
        for name in one["groups"]:
            yield "ENTEleveGroupes", f"{top}${name}"
    elif profile == "TUT":
        yield "intid", str(one["id"])
        yield from (("ENTPersonProfils", "responsable"), ("mail", one["mail"]), ("mobile", f"06{one['id'] % 10**8}"))
        pupils = {each["id"]: each for each in truth["accounts"] if each["profile"] == "ELV"}
        for child in one["children"]:
            if school in pupils[child]["schools"] and one["id"] in pupils[child]["guardians"]:
                yield "ENTAuxPersRelEleveEleve", _dn(pupils[child], top)
    else:
        yield "intid", str(one["id"])
        yield "ENTPersonProfils", "enseignant" if profile in ("ENS", "DOC") else "administratif"
        heads = [name for uai, name in one["head_teacher_of"] if uai == school]
        if heads:
            yield "typeadmin", "2"
        yield from (("divcod", name) for name in heads)
