"""The schema of a tree of Scribe, for a private server."""

from __future__ import annotations

from pathlib import Path

from tests.directory_ldap.conftest import DATA

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


def scribe_schema(folder: Path) -> Path:
    """What the tree needs beyond inetOrgPerson, written to a folder."""
    path = folder / "scribe.schema"
    path.write_text(_EXTRA.format(sdet=DATA / "sdet.schema"))
    return path
