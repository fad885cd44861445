"""LDIF (RFC 2849): every form of a value, files that are none, hostile ones."""

from __future__ import annotations

import base64
import contextlib
import io
import zipfile
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.model import DirectoryError
from directory.readers.ldap_entry import Entry
from directory.readers.ldif import LdifTree, entries


def parsed(content: bytes) -> list[Entry]:
    return [entry for _, entry in entries(io.BytesIO(content), "x.ldif")]


def test_the_forms_of_rfc_2849() -> None:
    content = (
        b"version: 1\n# a comment\n# that goes\n  on\ndn: cn=Barbara, dc=x\nobjectclass: top\nobjectClass:person\n"
        b"cn;lang-fr:  Barbara \ndescription: a long\n  text\n , folded\nsn:: SsO8bmc=\nempty:\n\n\n\r\n"
        b"dn:: dWlkPcOpLGRjPXg=\r\ncn: second\r\n"
    )
    assert parsed(content) == [
        Entry(
            "cn=Barbara, dc=x",
            {
                "objectclass": [b"top", b"person"],
                "cn": [b"Barbara"],
                "description": [b"a long text, folded"],
                "sn": ["Jüng".encode()],
                "empty": [b""],
            },
        ),
        Entry("uid=é,dc=x", {"cn": [b"second"]}),
    ]
    assert parsed(b"version: 1\n\ndn: dc=x\no: y\n") == [Entry("dc=x", {"o": [b"y"]})]
    assert parsed(b"") == parsed(b"\n# nothing\n") == parsed(b"version: 1\n") == []


BROKEN: Final = [
    (b" a: b\n", 1, "continues nothing"),
    (b"dn: dc=x\nno colon\n", 2, "an attribute and its value"),
    (b"dn: dc=x\n: y\n", 2, "an attribute and its value"),
    (b"cn: x\n", 1, "begins with its dn"),
    (b"version: 1\ncn: x\n", 2, "begins with its dn"),
    (b"dn: dc=x\nchangetype: delete\n", 2, "holds changes"),
    (b"dn: dc=x\njpegPhoto:< file:///etc/passwd\n", 2, "fetched from elsewhere"),
    (b"dn: dc=x\nsn:: !!!\n", 2, "not base64"),
    (b"dn:: /w==\nsn: x\n", 1, "not UTF-8"),
    (b"dn: dc=x\nsn: " + b"A" * 1_100_000 + b"\n", 2, "too long"),
    (b"dn: dc=x\nsn: x\n" + b" AAAAAAAA\n" * 300_000, None, "too long"),
    (b"dn: dc=x\n" + b"sn: x\n" * 100_001, None, "too long"),
    (b"dn: dc=x\n" + (b"sn: " + b"A" * 1_000_000 + b"\n") * 3, None, "too long"),
    (b"\x1f\x8b\x08\x00garbage", 1, "an attribute and its value"),
]
"""Files that are no LDIF, or hostile; the line that is named, and why."""


@pytest.mark.parametrize(("content", "line", "why"), BROKEN)
def test_what_is_refused(content: bytes, line: int | None, why: str) -> None:
    with pytest.raises(DirectoryError, match=why) as refused:
        parsed(content)
    assert refused.value.line == line or line is None


def test_a_search_finds_entries_below_a_branch_wherever_it_is(tmp_path: Path) -> None:
    path = tmp_path / "tree.ldif"
    path.write_bytes(
        b"dn: OU=People, dc=x\nobjectClass: top\n\ndn: uid=a,ou=local,ou=people,dc=x\nobjectClass: Person\n\n"
        b"dn: uid=b,ou=other,dc=x\nobjectClass: person\n\ndn: uid=c,ou=people,dc=x\nobjectClass: device\n"
    )
    tree = LdifTree(path)
    assert [one.dn for one in tree.search("ou=People", ("person",), ())] == ["uid=a,ou=local,ou=people,dc=x"]
    with pytest.raises(DirectoryError, match="no branch ou=groups"):
        list(tree.search("ou=groups", ("person",), ()))
    with zipfile.ZipFile(tmp_path / "tree.zip", "w") as archive:
        archive.write(path, "backup/tree.ldif")
    assert [one.dn for one in LdifTree(tmp_path / "tree.zip").search("ou=people", ("device",), ())] == [
        "uid=c,ou=people,dc=x"
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DirectoryError, match=r"no file \*\.ldif"):
        list(LdifTree(tmp_path / "empty").search("ou=people", ("device",), ()))
    (tmp_path / "second.ldif").write_bytes(b"")
    with pytest.raises(DirectoryError, match=r"second\.ldif is a tree as well"):
        list(LdifTree(tmp_path).search("ou=people", ("device",), ()))


VALUES = st.lists(st.tuples(st.sampled_from(["cn", "sn", "mail"]), st.binary(max_size=200)), max_size=6)


@given(st.lists(VALUES, max_size=4), st.integers(3, 80), st.sampled_from([b"\n", b"\r\n"]))
def test_entries_come_back_as_they_were_written(written: list[list[tuple[str, bytes]]], width: int, end: bytes) -> None:
    content, wanted = bytearray(), []
    for number, values in enumerate(written):
        attributes: dict[str, list[bytes]] = {}
        lines = [f"dn: uid={number},dc=x".encode()]
        for name, value in values:
            lines.append(f"{name}:: ".encode() + base64.b64encode(value))
            attributes.setdefault(name, []).append(value)
        for line in lines:
            content += (end + b" ").join(line[at : at + width] for at in range(0, len(line), width)) + end
        content += end
        wanted.append(Entry(f"uid={number},dc=x", attributes))
    assert parsed(bytes(content)) == wanted


@given(st.binary(max_size=300) | st.text("dn: ca=x,\n#<:é", max_size=120).map(str.encode))
def test_no_bytes_do_more_harm_than_an_error(content: bytes) -> None:
    with contextlib.suppress(DirectoryError):
        parsed(content)
