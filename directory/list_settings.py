"""How a list treats messages, as far as somebody set it for the list: a typed record, and one query for it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import partial
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, bindparam, delete, insert, select

from directory.addresses import givable
from directory.list_schema import list_setting

MAX_TAG: Final = 40
MAX_WELCOME: Final = 4_000
MAX_HOLD: Final = 24 * 60
MAX_DAYS: Final = 3_660
MIN_SIZE: Final = 1_024
MAX_SIZE: Final = 2**31 - 1

_ON_OFF: Final = {"on": True, "yes": True, "true": True, "off": False, "no": False, "false": False}
_UNITS: Final = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


class ListSettingError(ValueError):
    """A setting of a list that does not exist, or a value that it cannot have."""


class Posting(StrEnum):
    """Who may post. The communication policy decides unless the list says otherwise."""

    POLICY = "policy"
    MEMBERS = "members"
    MANAGERS = "managers"
    STAFF = "staff"


class Reply(StrEnum):
    """Where a reply goes."""

    AUTHOR = "author"
    LIST = "list"
    ADDRESS = "address"


class WelcomeTo(StrEnum):
    """Who gets the welcome text."""

    ADDED = "added"
    """Who was added by name."""
    EVERYONE = "everyone"
    """Whom an import, a rule or a nested list brings, too."""


@dataclass(frozen=True, slots=True)
class ListSettings:
    """The settings of one list; without a row in the database, the defaults.

    `reply_to` is an address when `reply` is ADDRESS, else empty. `tag` is the text put before subjects (without
    brackets of its own), empty for none. `size_limit` is octets of a whole message, 0 for no limit but the server's.
    `hold_minutes` is how long a message waits so that its sender can take it back. `welcome` is the text sent to new
    members, empty for none, and `welcome_to` says to which. `leaving` says whether members may leave by themselves.
    `archive` says whether messages are kept for members to read, for `archive_days` days, or without end for 0.
    `moderated` says whether every message that may be posted waits for approval, but those of who could give it.
    """

    posting: Posting = Posting.POLICY
    reply: Reply = Reply.AUTHOR
    reply_to: str = ""
    tag: str = ""
    archive: bool = False
    size_limit: int = 0
    hold_minutes: int = 0
    welcome: str = ""
    leaving: bool = False
    archive_days: int = 365
    welcome_to: WelcomeTo = WelcomeTo.ADDED
    moderated: bool = False


NAMES: Final = tuple(field.name for field in fields(ListSettings))
DEFAULTS: Final = ListSettings()

SETTINGS_OF_LIST = select(*(list_setting.c[name] for name in NAMES)).where(
    list_setting.c.list_id == bindparam("list_id", type_=BigInteger)
)
"""The row of `:list_id` for `from_row`; none where nothing was set."""


def from_row(row: Sequence[Any] | None) -> ListSettings:
    """The settings from the row of `SETTINGS_OF_LIST`, of any driver: a boolean may be 0 or 1, null is the default."""
    if row is None:
        return DEFAULTS
    kinds = ((name, type(getattr(DEFAULTS, name))) for name in NAMES)
    return ListSettings(
        **{name: kind(value) for (name, kind), value in zip(kinds, row, strict=True) if value is not None}
    )


def settings_of_list(connection: Connection, list_id: int) -> ListSettings:
    """The settings of a list."""
    return from_row(connection.execute(SETTINGS_OF_LIST, {"list_id": list_id}).first())


def set_settings(
    connection: Connection, list_id: int, texts: Mapping[str, str], *, actor: str, at: int
) -> tuple[ListSettings, ListSettings]:
    """Set what `texts` says, by name, `default` meaning the default; give the settings before and after.

    Raises:
        ListSettingError: an unknown name, or a value that cannot be.
    """
    row = connection.execute(SETTINGS_OF_LIST, {"list_id": list_id}).mappings().first()
    values: dict[str, Any] = dict(row) if row else dict.fromkeys(NAMES)
    before = settings_of_list(connection, list_id)
    for name, text in texts.items():
        values[name] = None if text == "default" and name in NAMES else parse(name, text)
    if values["reply"] != Reply.ADDRESS:
        values["reply_to"] = None
    elif not values["reply_to"]:
        raise ListSettingError("reply=address needs an address: give reply_to=ADDRESS too")
    connection.execute(delete(list_setting).where(list_setting.c.list_id == list_id))
    if any(value is not None for value in values.values()):
        connection.execute(insert(list_setting).values(list_id=list_id, **values, actor=actor, at=at))
    return before, settings_of_list(connection, list_id)


def parse(name: str, text: str) -> str | bool | int:
    """The value of a setting from its text: a word, on or off, a number of minutes, octets with K or M.

    Raises:
        ListSettingError: an unknown name, or a value that it cannot have.
    """
    if name not in _PARSERS:
        raise ListSettingError(f"there is no setting {name!r}; there are {', '.join(NAMES)}")
    return _PARSERS[name](name, text)


def _word(name: str, text: str, words: type[StrEnum]) -> str:
    if text not in list(words):
        raise ListSettingError(f"{name} is one of {', '.join(words)}, not {text!r}")
    return str(words(text))


def _address(_name: str, text: str) -> str:
    try:
        return givable(text)
    except ValueError as error:
        raise ListSettingError(f"reply_to: {text[:80]!r} is not an address") from error


def _line(name: str, text: str) -> str:
    """One line for a header field."""
    normal = unicodedata.normalize("NFC", text).strip().strip("[]").strip()
    if len(normal) > MAX_TAG or any(unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} for letter in normal):
        raise ListSettingError(f"{name} has at most {MAX_TAG} characters, and none of control")
    return normal


def _text(_name: str, text: str) -> str:
    normal = unicodedata.normalize("NFC", text.replace("\r\n", "\n")).strip()
    if len(normal) > MAX_WELCOME:
        raise ListSettingError(f"welcome has at most {MAX_WELCOME} characters")
    if any(unicodedata.category(letter) in {"Cc", "Cs"} and letter not in "\n\t" for letter in normal):
        raise ListSettingError("welcome holds a control character")
    return normal


def _switch(name: str, text: str) -> bool:
    if text.lower() not in _ON_OFF:
        raise ListSettingError(f"{name} is on or off, not {text!r}")
    return _ON_OFF[text.lower()]


def _size(_name: str, text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,10})([kmg]?)(?:i?b|o)?", text.strip().lower())
    octets = int(found[1]) * _UNITS[found[2]] if found else -1
    if octets != 0 and not MIN_SIZE <= octets <= MAX_SIZE:
        raise ListSettingError(f"size_limit is octets such as 500K or 10M, at least {MIN_SIZE}, or 0 for no limit")
    return octets


def _number(most: int, unit: str, at_zero: str) -> Callable[[str, str], int]:
    def parser(name: str, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,4}", text.strip()) or int(text) > most:
            raise ListSettingError(f"{name} is a number of {unit}, at most {most}; 0 is {at_zero}")
        return int(text)

    return parser


_PARSERS: Final[Mapping[str, Callable[[str, str], str | bool | int]]] = {
    "posting": partial(_word, words=Posting),
    "reply": partial(_word, words=Reply),
    "reply_to": _address,
    "tag": _line,
    "archive": _switch,
    "size_limit": _size,
    "hold_minutes": _number(MAX_HOLD, "minutes", "at once"),
    "welcome": _text,
    "leaving": _switch,
    "archive_days": _number(MAX_DAYS, "days", "without end"),
    "welcome_to": partial(_word, words=WelcomeTo),
    "moderated": _switch,
}
