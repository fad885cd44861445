"""What attachments a message has, however their names are written or hidden; hostile input costs time in proportion."""

from __future__ import annotations

import io
import struct
import time
import zipfile
from base64 import encodebytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.message.scanner import MAX_DEPTH, MAX_PARTS
from mailgate.filtering.inspecting import Inventory, TooComplex, extensions, inspect
from mailgate.filtering.zip_names import MOST, TooManyNames, ZipNames
from smtp.message import read_header
from tests.filtering.attached import HEAD, archive, attached, crlf, named


def found(content: bytes, *, archives: bool = True) -> Inventory:
    return inspect(content, archives=archives)


@pytest.mark.parametrize(
    ("name", "endings"),
    [
        ("photo.jpg", {"jpg"}),
        ("photo.jpg.exe", {"exe"}),
        ("PHOTO.EXE", {"exe"}),
        ("setup.exe.", {"exe"}),
        ("setup.exe . ", {"exe"}),
        ("setup.exe\u00a0\u2003", {"exe"}),
        ("setup.ｅｘｅ", {"exe"}),
        ("photo\u202egpj.exe", {"exe"}),
        ("setup.e\u200bx\0e", {"exe"}),
        ("setup.exe:stream.txt", {"exe", "txt"}),
        ("setup.exe::$DATA", {"exe", "exe::$data"}),
        ("..\\..\\a.b/c.scr", {"scr"}),
        ("notes.tar.gz", {"gz", "tar"}),
        ("setup.exe.gz", {"gz", "exe"}),
        ("README", set()),
        ("", set()),
        (".", set()),
        (".bashrc", {"bashrc"}),
        ("a." + "x" * 5000, {"x" * 32}),
        ("d" * 5000 + ".exe", {"exe"}),
        ("setup.exe" + " \u200b" * 5000, {"exe"}),
    ],
)
def test_an_ending_is_what_windows_takes_for_one(name: str, endings: set[str]) -> None:
    assert set(extensions(name)) == endings


@pytest.mark.parametrize(
    "fields",
    [
        'Content-Disposition: attachment; filename="setup.exe"',
        "Content-Disposition: attachment; filename=setup.exe",
        "Content-Disposition: attachment; FileName = setup.exe ; size=3",
        'Content-Disposition: attachment;\n filename="set\n up.exe"',
        'Content-Type: image/png; name="setup.exe"',
        'Content-Disposition: inline; filename="photo.png"\nContent-Type: image/png; name="setup.exe"',
        'Content-Disposition: inline; filename="photo.png"\nContent-Disposition: attachment; filename="setup.exe"',
        'Content-Disposition: inline; filename="photo.png"; filename="setup.exe"',
        "Content-Disposition: attachment; filename*=utf-8''setup%2Eexe",
        "Content-Disposition: attachment; filename*=utf-8'fr'%C3%A9t%C3%A9.%65xe; filename=photo.png",
        "Content-Disposition: attachment; filename*0=set; filename*1=up.e; filename*2=xe",
        "Content-Disposition: attachment; filename*0*=utf-8''set%75; filename*1=p.exe",
        "Content-Disposition: attachment; filename*1=up.exe; filename*0=set",
        "Content-Disposition: attachment; filename*0=set; filename*2=up.exe",
        "Content-Disposition: attachment; filename=photo%2Eexe",
        'Content-Disposition: attachment; filename="=?utf-8?B?c2V0dXAuZXhl?="',
        "Content-Disposition: attachment; filename==?iso-8859-1?Q?=E9t=E9=2Eexe?=",
        'Content-Disposition: attachment; filename="=?utf-8?Q?set?= =?utf-8?Q?up.exe?="',
        "Content-Disposition: attachment; filename=mon setup.exe",
        'Content-Disposition: attachment; (filename="photo.png") filename="setup.exe"',
        'Content-Disposition: attachment (comment; filename="setup.exe"',
        'Content-Disposition: ; filename="setup.exe"',
        'Content-Type: ;;; name="setup.exe"',
        'content-DISPOSITION : attachment; filename="setup.exe"',
        'Content-Disposition: attachment; filename="se\\tup.exe"',
        'Content-Disposition: attachment; filename="setup.exe',
        "Content-Disposition: attachment; filename='setup.exe'",
    ],
)
def test_a_name_counts_however_it_is_written(fields: str) -> None:
    assert "exe" in found(attached(fields)).extensions


@pytest.mark.parametrize(
    "part",
    [
        crlf('Content-Type: message/rfc822\n\nSubject: x\nContent-Disposition: x; filename="setup.exe"\n\nx\n'),
        crlf(
            "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
            + encodebytes(named("setup.exe")).decode()
        ),
        crlf("Content-Type: text/plain\n\nVoici\nbegin 644 setup.exe\n#0V%T\n`\nend\n"),
        crlf("Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n")
        + crlf(encodebytes(b"x\nbegin 666 setup.exe\n#0V%T\n`\nend\n")),
        crlf("Content-Type: text/html\n\nx\nbegin-base64 644 setup.exe\nQQ==\n====\n"),
    ],
)
def test_what_is_inside_another_part_counts(part: bytes) -> None:
    content = HEAD % b"x" + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + part + b"\r\n--b--\r\n"
    assert "exe" in found(content).extensions


def test_a_line_that_is_no_field_hides_no_part_that_readers_will_see() -> None:
    """What is looked through ends its header where that ends which is delivered."""
    part = b"Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    part += crlf(encodebytes(archive("setup.exe"))) + b"--b--\r\n"
    start = HEAD % b"x" + b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n"
    content = io.BytesIO(start + b"no field\r\n--b\r\n" + part)
    assert "exe" not in found(content.getvalue()).extensions
    read_header(content)
    assert content.getvalue() == start + b"\r\nno field\r\n--b\r\n" + part
    assert "exe" in found(content.getvalue()).extensions


def test_a_message_that_is_nothing_but_the_file() -> None:
    content = HEAD % b"x" + b'Content-Type: application/X-MSDownload; name="a.b"\r\n\r\nMZ'
    assert found(content) == Inventory({"b"}, {"application/x-msdownload"})
    assert found(b"") == Inventory(set(), {"text/plain"})


def test_the_name_in_uuencode_is_found_across_pieces() -> None:
    for length in (256 * 1024 - 9, 256 * 1024 - 1, 256 * 1024 + 3):
        text = b"x" * (length - 2) + b"\r\nbegin 644 setup.exe\r\n"
        assert found(HEAD % b"x" + b"\r\n" + text).extensions == {"exe"}


@pytest.mark.parametrize("fields", ["Content-Type: application/zip", 'Content-Disposition: x; filename="a.dat"'])
def test_the_names_in_an_archive_count(fields: str) -> None:
    packed = archive("lisez-moi.txt", "dossier/setup.exe", "é/ça.scr")
    assert found(attached(fields, packed)).extensions >= {"txt", "exe", "scr"}
    assert not found(attached(fields, packed), archives=False).extensions & {"txt", "exe", "scr"}


@pytest.mark.parametrize("fields", ["Content-Type: text/plain", 'Content-Type: text/html; name="a.zip"'])
def test_an_archive_that_says_it_is_text_is_one_all_the_same(fields: str) -> None:
    assert "exe" in found(attached(fields, archive("setup.exe"))).extensions


def test_an_archive_within_an_archive_counts_as_far_as_it_is_not_compressed() -> None:
    inner = archive("setup.exe")
    stored = archive("inner.zip", octets=inner, method=zipfile.ZIP_STORED)
    assert found(named("a.zip", stored)).extensions == {"zip", "exe"}
    assert found(named("a.zip", archive("inner.zip", octets=inner))).extensions == {"zip"}


def test_headers_that_contradict_one_another_count_all() -> None:
    packed = archive("aaaaa.txt")
    central = packed.rindex(b"aaaaa.txt")
    forged = packed[:central] + b"setup.exe" + packed[central + 9 :]
    assert found(named("a.zip", forged)).extensions == {"zip", "txt", "exe"}
    assert found(named("a.zip", b"MZ stub" + packed)).extensions == {"zip", "txt"}
    extra = struct.pack("<HHBL", 0x7075, 5 + 9, 1, 0) + b"setup.exe"
    unicode_path = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 0, 0, 5, len(extra)) + b"a.txt" + extra
    assert found(named("a.zip", unicode_path)).extensions == {"zip", "txt", "exe"}
    assert found(named("a.zip", unicode_path[:-40])).extensions >= {"zip"}


@given(
    names=st.lists(st.from_regex(r"[a-z]{1,8}\.[a-z]{1,4}", fullmatch=True), min_size=1, max_size=5, unique=True),
    sizes=st.lists(st.integers(1, 50), min_size=1),
)
def test_names_are_found_whatever_the_pieces(names: list[str], sizes: list[int]) -> None:
    packed = archive(*names, octets=b"PK\x03", method=zipfile.ZIP_STORED)
    scanner, told, at, turn = ZipNames(), set[str](), 0, 0
    while at < len(packed):
        size = sizes[turn % len(sizes)]
        told |= set(scanner.feed(packed[at : at + size]))
        at, turn = at + size, turn + 1
    told |= set(scanner.feed(b"", last=True))
    assert told == set(names) == set(zipfile.ZipFile(io.BytesIO(packed)).namelist())


@given(
    st.binary(max_size=2_000)
    | st.lists(st.sampled_from([b"PK\x03\x04", b"PK\x01\x02", b"\xff", b"\0" * 20])).map(b"".join)
)
def test_an_archive_may_hold_anything(octets: bytes) -> None:
    list(ZipNames().feed(octets, last=True))
    whole, pieces = ZipNames(), ZipNames()
    expected = [*whole.feed(octets), *whole.feed(b"", last=True)]
    told = [name for at in range(0, len(octets), 7) for name in pieces.feed(octets[at : at + 7])]
    assert [*told, *pieces.feed(b"", last=True)] == expected


@given(
    st.lists(
        st.sampled_from(
            ["Content-Type: ", "multipart/mixed; boundary=b", "message/rfc822", "\r\n", "\r\n\r\n", "--b", "--b--", " ",
             "Content-Disposition: ", "filename", "*0", "*", "=", '"', "%", "=?utf-8?Q?", "?=", ";", "(", "\\", "\0",
             "Content-Transfer-Encoding: base64", "begin 644 ", "x.exe", "PK", "é"]
        ),
        max_size=60,
    ).map("".join)
)  # fmt: skip
def test_a_message_may_hold_anything(text: str) -> None:
    assert isinstance(found(text.encode()), Inventory)


def test_a_bomb_is_not_unpacked() -> None:
    """A gigabyte of zeros in a megabyte, and 100,000 files: time goes with the octets that came."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as opened,
        opened.open("setup.exe", "w", force_zip64=True) as file,
    ):
        for _ in range(64):
            file.write(bytes(1024 * 1024))
    begun = time.process_time()
    assert found(named("a.zip", made.getvalue())).extensions == {"zip", "exe"}
    header = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 0, 0, 0xFFFF, 0xFFFF)
    list(ZipNames().feed(header * (MOST - 1), last=True))
    assert time.process_time() - begun < 5
    with pytest.raises(TooManyNames):
        list(ZipNames().feed(header * (MOST + 1), last=True))
    with pytest.raises(TooComplex):
        found(named("a.zip", archive(*(f"a.{number}" for number in range(1_001)))))


def test_what_cannot_be_looked_through_is_said() -> None:
    head = HEAD % b"x" + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    with pytest.raises(TooComplex):
        found(head + b"--b\r\n\r\nx\r\n" * (MAX_PARTS + 1))
    nested = b"Content-Type: message/rfc822\r\n\r\n" * (MAX_DEPTH + 1)
    with pytest.raises(TooComplex):
        found(HEAD % b"x" + nested[:-2] + b"\r\nx")
    large = b"X-Pad: " + b"x" * 600_000 + b'\r\nContent-Disposition: x; filename="setup.exe"\r\n\r\nx'
    with pytest.raises(TooComplex):
        found(head + b"--b\r\n" + large)
    with pytest.raises(TooComplex):
        found(named("setup.exe" + " " * 21_000 + "."))
    boxed = b"Subject: x\r\n\r\nx"
    for _ in range(7):
        boxed = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encodebytes(boxed)
    with pytest.raises(TooComplex):
        found(HEAD % b"x" + boxed)
