"""Types of attachments that are not let through, in words: a school's, or those of the settings file.

A word is an extension (``exe``), a media type (``application/x-sh``, ``video/*``), either of these with a minus in
front to take it out again, or ``default``: in the settings file what stands here, for a school what that file has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

DEFAULT_WORD: Final = "default"
MOST: Final = 1_000
"""Words of one school."""

_EXTENSION: Final = re.compile(r"\.?([a-z0-9_][a-z0-9_+~-]{0,31})")
_MEDIA: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/(?:[a-z0-9!#$&^_.+-]{1,100}|\*)")
_EVERYWHERE: Final = frozenset({"text/plain", "text/html", "text/*"})
"""What ordinary messages consist of, multiparts aside."""


class TypeWordError(ValueError):
    """A word that names no type: which one."""


@dataclass(frozen=True, slots=True)
class AttachmentTypes:
    """A set of types."""

    extensions: frozenset[str] = frozenset()
    """In small letters, without the dot."""
    media: frozenset[str] = frozenset()
    """In small letters; ``video/*`` stands for all of ``video``."""

    def __bool__(self) -> bool:
        return bool(self.extensions or self.media)

    def media_word(self, name: str) -> str:
        """The word by which a media type in small letters is among them, or an empty text."""
        return next((word for word in (name, f"{name.partition('/')[0]}/*") if word in self.media), "")


_EXTENSIONS: Final = """
ade adp apk app application appref-ms appx appxbundle bat cab chm cmd com cpl diagcab diagcfg diagpkg dll dmg ex
ex_ exe gadget hlp hta img inf ins iso isp jar jnlp js jse lib library-ms lnk mde mjs msc msh msi msix
msixbundle msp mst nsh pif ps1 ps1xml psc1 reg rgs scf scr sct search-ms settingcontent-ms shb shs sys url vb
vbe vbs vhd vhdx vxd website ws wsc wsf wsh xll
"""
_MEDIA_TYPES: Final = """
application/hta application/java-archive application/javascript application/vnd.microsoft.portable-executable
application/x-dosexec application/x-javascript application/x-ms-application application/x-ms-installer
application/x-ms-shortcut application/x-msdos-program application/x-msdownload application/x-msi
application/x-vbs message/external-body message/partial text/javascript text/vbscript text/x-vbscript
"""
DEFAULT: Final = AttachmentTypes(frozenset(_EXTENSIONS.split()), frozenset(_MEDIA_TYPES.split()))
"""What runs when it is opened, on Windows mostly, or hides what it is: the list of large mail providers.

Of a message in pieces (``message/partial``) nobody sees the whole before its reader does (RFC 2046 section 5.2.2).
"""


def parse(words: Iterable[str], base: AttachmentTypes = DEFAULT) -> AttachmentTypes:
    """The types that words name; `base` is what ``default`` stands for. Raises TypeWordError."""
    extensions, media = set[str](), set[str]()
    for number, text in enumerate(words):
        word = text.strip().lower()
        if number >= MOST:
            raise TypeWordError(f"more than {MOST} words")
        if word == DEFAULT_WORD:
            extensions |= base.extensions
            media |= base.media
            continue
        taken, name = word.startswith("-"), word.removeprefix("-")
        if _MEDIA.fullmatch(name):
            if not taken and (name in _EVERYWHERE or name.startswith("multipart/")):
                raise TypeWordError(f"{name}: nearly every message has a part of this type")
            (media.discard if taken else media.add)(name)
        elif found := _EXTENSION.fullmatch(name):
            (extensions.discard if taken else extensions.add)(found[1])
        else:
            raise TypeWordError(f"{text!r} is neither an extension nor a media type")
    return AttachmentTypes(frozenset(extensions), frozenset(media))
