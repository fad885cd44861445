"""SDET: the live LDAP directory of a school digital workspace, read as `directory.readers.ldap_server` reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from directory.model import Record
from directory.readers.ldap_server import opened
from directory.readers.ldap_tree import LdapSettings
from directory.readers.sdet_entries import PERSON_ATTRIBUTES, STRUCTURE_ATTRIBUTES, SdetTree


@dataclass(frozen=True, slots=True)
class SdetSettings(LdapSettings):
    """`people` and `structures` are branches below `base`."""

    people: str = "ou=people"
    structures: str = "ou=structures"


def read_sdet(settings: SdetSettings) -> Iterator[Record]:
    """Every record of the tree: structures first, then people; one page is held at a time.

    Raises:
        DirectoryError: no connection, an untrusted certificate, a refused bind, a missing branch, or a read that did
            not come to its end. What was yielded before must then be forgotten.
    """
    with opened(settings) as tree:
        records = SdetTree(settings.url)
        yield from records.structures(tree.search(settings.structures, ("ENTStructure",), STRUCTURE_ATTRIBUTES))
        for entry in tree.search(settings.people, ("ENTPerson",), PERSON_ATTRIBUTES):
            yield from records.person(entry)
