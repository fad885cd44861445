"""A part of the demo academy's tree, which a server loads in a moment: its schools, some pupils with their families,
and teachers.
"""

from __future__ import annotations

import re
from functools import cache

from tests.directory_ldap.conftest import tree

PUPILS, TEACHERS = 60, 20
_RELATIVE = re.compile(r"^ENTElevePersRelEleve: (.*?)\$", re.MULTILINE)


@cache
def small_tree() -> str:
    """As LDIF."""
    entries = tree("sdet.ldif").strip().split("\n\n")
    pupils = [one for one in entries if "\nobjectClass: ENTEleve\n" in one][:PUPILS]
    teachers = [one for one in entries if "\nobjectClass: ENTAuxEnseignant\n" in one][:TEACHERS]
    named = {dn for one in pupils for dn in _RELATIVE.findall(one)}
    kept = {*pupils, *teachers}
    return "\n\n".join(
        one for one in entries if one in kept or "\nobjectClass: ENTPerson\n" not in one or _dn(one) in named
    )


def _dn(entry: str) -> str:
    return entry.partition("\n")[0].removeprefix("dn: ")
