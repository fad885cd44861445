"""Letters drawn: HTML to be printed from a browser, PDF by Typst, whose fonts have every letter of Latin script."""

from __future__ import annotations

from importlib import resources
from typing import Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from mailgate.letters.contents import Document
from mailgate.letters.formats import Format

_TEMPLATES: Final = Environment(
    loader=PackageLoader("mailgate.letters"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def draw(document: Document, form: Format) -> bytes:
    """The file of a document."""
    return _html(document) if form is Format.HTML else _pdf(document)


def _html(document: Document) -> bytes:
    return _TEMPLATES.get_template("letters.html").render(document=document).encode()


def _pdf(document: Document) -> bytes:
    """PDF/UA-1, which screen readers read, with fonts of Typst's own; what the document says reaches it as data.

    A name in a script that they lack cannot be in such a file: then the fonts of the system help, in a plain PDF.
    """
    import typst  # noqa: PLC0415 - 80 MB

    source = resources.files("mailgate.letters").joinpath("templates", "letters.typ").read_bytes()
    said = {"document": msgspec.json.encode(document).decode()}
    try:
        return typst.compile(source, format="pdf", ignore_system_fonts=True, sys_inputs=said, pdf_standards=["ua-1"])
    except typst.TypstError:
        return typst.compile(source, format="pdf", sys_inputs=said)
