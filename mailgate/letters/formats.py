"""What files of letters are: in a module of its own, as the command line reads it before anything is drawn."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """What the file is."""

    PDF = "pdf"
    HTML = "html"
