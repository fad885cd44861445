"""Every hostile shape of an XML file, made from a good document of any format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

MARK: Final = "MARTIN"
"""The value of the good document into which what is hostile is put."""

_BOMB: Final = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">\n' for n in range(1, 10))


def _with_doctype(declarations: str, value: str) -> Callable[[str], bytes]:
    def made(good: str) -> bytes:
        head, _, body = good.partition("?>")
        root = body.strip()[1:].partition(">")[0].split()[0]
        return f"{head}?>\n<!DOCTYPE {root} {declarations}>{body}".replace(MARK, value).encode()

    return made


def _with_value(value: str) -> Callable[[str], bytes]:
    return lambda good: good.replace(MARK, value).encode()


SHAPES: Final[dict[str, tuple[Callable[[str], bytes], str]]] = {
    "xxe_file": (_with_doctype('[<!ENTITY x SYSTEM "file:///etc/hostname">]', "&x;"), "declarations of its own"),
    "xxe_http": (_with_doctype('[<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]', "&x;"), "declarations of its own"),
    "xxe_parameter": (
        _with_doctype('[<!ENTITY % p SYSTEM "file:///etc/hostname"> %p;]', "x"),
        "declarations of its own",
    ),
    "remote_dtd": (_with_doctype('SYSTEM "http://127.0.0.1:9/x.dtd"', "x"), "DTD"),
    "billion_laughs": (_with_doctype(f'[<!ENTITY l0 "ha">\n{_BOMB}]', "&l9;"), "declarations of its own"),
    "quadratic_blowup": (_with_doctype(f'[<!ENTITY q "{"A" * 20_000}">]', "&q;" * 2000), "declarations of its own"),
    "deep_nesting": (_with_value("<a>" * 30_000 + "</a>" * 30_000), "nested more than"),
    "truncated": (lambda good: good.encode()[: good.index(MARK) + 20], "cut short"),
    "wrong_encoding": (lambda good: good.replace(MARK, "LEFÈVRE").encode("latin-1"), "another encoding than declared"),
    "unknown_encoding": (lambda good: good.replace("UTF-8", "UTF-7").encode(), "encoding"),
    "wrong_root": (lambda _: b'<?xml version="1.0"?>\n<a><PARAMETRES/></a>\n', "root element is <a>"),
    "header_injection": (_with_value("MARTIN&#13;&#10;Bcc: tous@ent.example.org"), "line break"),
    "attribute_injection": (
        lambda good: good.replace('_ID="', '_ID="1&#10;').replace(' ID="', ' ID="1&#10;').encode(),
        "line break",
    ),
    "html_entity": (_with_value("LEF&Egrave;VRE"), "no HTML entity"),
    "long_value": (_with_value("A" * 20_000), "longer than"),
    "long_attribute": (_with_value(f'<a b="{"A" * 3_000_000}"/>'), "longer than"),
    "long_comment": (_with_value(f"<!--{'A' * 3_000_000}-->"), "longer than"),
}
"""How each is made of a good document, declared as UTF-8, and a part of the reason for which it is refused."""
