"""Accounts that are in no directory, from a CSV file: a printer, a timetable program, a functional address.

    address;label;password;profile;school
    copieur-cdi@ent.example.org;Copieur du CDI;;;
    pronote@ent.example.org;PRONOTE;un mot de passe choisi;;0131001T
    anne.legrand@ent.example.org;Anne Legrand;;teacher;Collège Frédéric Mistral

UTF-8, comma or semicolon, a header line; ``name`` may stand for ``label``. The other columns, or single cells of them,
may be missing: without a password an app password is made, the profile is then ``other``, and who has no school is a
guest, whom the communication matrix lets write to hardly anybody. Everything is checked before anything is done.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from directory.nomenclature import Profile
from mailgate.accounts.chosen_passwords import check_policy
from mailgate.accounts.errors import AccountsError, LabelRejected, PasswordRejected
from mailgate.accounts.management import check_label
from mailgate.accounts.prepare import MAX_USERNAME

MAX_OCTETS: Final = 1024 * 1024
MAX_ACCOUNTS: Final = 2000
MAX_ERRORS: Final = 100

_ATEXT = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ADDRESS: Final = re.compile(rf"(?=.{{1,64}}@){_ATEXT}(?:\.{_ATEXT})*@{_LABEL}(?:\.{_LABEL})+")
_ALIASES: Final = {"name": "label"}
_REQUIRED: Final = frozenset({"address", "label"})
_KNOWN: Final = _REQUIRED | {"password", "profile", "school"}
PROFILES: Final = tuple(profile.value for profile in Profile if profile is not Profile.SHARED)


@dataclass(frozen=True, slots=True)
class LineError:
    """What is wrong in one line, counted from 1, and in which column, where it is one."""

    line: int
    text: str
    column: str = ""

    def __str__(self) -> str:
        where = f"line {self.line}, column {self.column}" if self.column else f"line {self.line}"
        return f"{where}: {self.text}"


class CsvRejected(AccountsError):
    """The file has errors; no account was made."""

    def __init__(self, errors: Sequence[LineError]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True)
class CsvAccount:
    """One line, checked; without a password one is to be made."""

    line: int
    address: str
    label: str
    password: str | None = field(default=None, repr=False)
    profile: str = Profile.OTHER.value
    school: str = ""
    """UAI or name; empty for a guest."""


def parse_accounts(content: bytes) -> list[CsvAccount]:
    """Read and check a whole file. Raises CsvRejected with every error, up to a hundred."""
    lines = csv.reader(io.StringIO(_decoded(content), newline=""), delimiter=_delimiter(content), strict=True)
    accounts: list[CsvAccount] = []
    errors: list[LineError] = []
    seen: dict[str, int] = {}
    try:
        header = _header(next(lines, []))
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            parsed = _account(header, cells, lines.line_num)
            if isinstance(parsed, CsvAccount) and parsed.address in seen:
                parsed = LineError(parsed.line, f"already on line {seen[parsed.address]}", "address")
            if isinstance(parsed, LineError):
                errors.append(parsed)
            else:
                seen[parsed.address] = parsed.line
                accounts.append(parsed)
            if len(accounts) > MAX_ACCOUNTS:
                errors.append(LineError(lines.line_num, f"more than {MAX_ACCOUNTS} accounts in one file"))
                break
            if len(errors) >= MAX_ERRORS:
                break
    except csv.Error as error:
        errors.append(LineError(lines.line_num, f"not CSV: {error}"))
    if not accounts and not errors:
        errors.append(LineError(1, "the file holds no account"))
    if errors:
        raise CsvRejected(errors)
    return accounts


def _decoded(content: bytes) -> str:
    if len(content) > MAX_OCTETS:
        raise CsvRejected([LineError(1, f"the file has more than {MAX_OCTETS} octets")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CsvRejected([LineError(line, "not UTF-8: save the file as 'CSV UTF-8'")]) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise CsvRejected([LineError(line, "a NUL character: this is not a text file")])
    return text


def _delimiter(content: bytes) -> str:
    header = content.partition(b"\n")[0]
    return ";" if header.count(b";") > header.count(b",") else ","


def _header(cells: Sequence[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    header = [_ALIASES.get(name, name) for name in names]
    wanted = "the first line must name the columns: address, label and, if wanted, password, profile, school"
    if unknown := set(header) - _KNOWN:
        raise CsvRejected([LineError(1, f"unknown column {sorted(unknown)[0][:40]!r}; {wanted}")])
    if not set(header) >= _REQUIRED or len(set(header)) != len(header):
        raise CsvRejected([LineError(1, wanted)])
    return header


def _account(header: Sequence[str], cells: Sequence[str], line: int) -> CsvAccount | LineError:
    if len(cells) != len(header):
        return LineError(line, f"{len(cells)} columns where the first line has {len(header)}")
    values = dict(zip(header, cells, strict=True))
    address = unicodedata.normalize("NFC", values["address"].strip()).lower()
    if len(address.encode()) > MAX_USERNAME or not _ADDRESS.fullmatch(address):
        return LineError(line, "not an e-mail address of the form name@domain", "address")
    password = values.get("password") or None
    try:
        label = check_label(values["label"])
        if password is not None:
            check_policy(password, [address])
    except LabelRejected as error:
        return LineError(line, str(error), "label")
    except PasswordRejected as error:
        return LineError(line, str(error), "password")
    profile = values.get("profile", "").strip().lower() or Profile.OTHER.value
    if profile not in PROFILES:
        return LineError(line, f"{profile[:40]!r} is no profile; use one of {', '.join(PROFILES)}", "profile")
    return CsvAccount(line, address, label, password, profile, " ".join(values.get("school", "").split()))
