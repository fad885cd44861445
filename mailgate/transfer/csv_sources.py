"""The accounts to be copied, from a CSV file:

    host,port,tls,user,password,master,target
    imap.old.example.org,993,tls,tdavid,secret,,theo.david@ent.example.org
    imap.old.example.org,993,tls,lmartin,of-the-master,migration,lea.martin@ent.example.org

UTF-8, comma or semicolon, a header line. `port`, `tls` (tls, starttls or none) and `master` may be missing; in a line
with a master user the password is the master's. Everything is checked before anything is done.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailgate.transfer.imap_source import Login, Security, Server

MAX_OCTETS: Final = 16 * 1024 * 1024
MAX_ERRORS: Final = 100
_REQUIRED: Final = ("host", "user", "password", "target")
_OPTIONAL: Final = ("port", "tls", "master")
_LAST_PORT: Final = 65535
DEFAULT_PORTS: Final[Mapping[Security, int]] = {Security.TLS: 993, Security.STARTTLS: 143, Security.NONE: 143}


@dataclass(frozen=True, slots=True)
class CellError:
    """What is wrong, in which line (from 1) and column."""

    line: int
    column: str
    text: str

    def __str__(self) -> str:
        where = f"line {self.line}, column {self.column}" if self.column else f"line {self.line}"
        return f"{where}: {self.text}"


class SourcesRejected(Exception):
    """The file has errors; nothing was copied."""

    def __init__(self, errors: Sequence[CellError]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True)
class Job:
    """One line: an account there and its address here."""

    line: int
    server: Server
    login: Login
    target: str


def parse_sources(content: bytes, *, ca_file: Path | None = None) -> list[Job]:
    """Read and check a whole file. Raises SourcesRejected with every error, up to a hundred."""
    text = _decoded(content)
    first = text.partition("\n")[0]
    lines = csv.reader(
        io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",", strict=True
    )
    jobs: list[Job] = []
    errors: list[CellError] = []
    seen: dict[tuple[str, str, str], int] = {}
    try:
        header = _header(next(lines, []))
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            job = _job(header, cells, lines.line_num, ca_file, errors)
            if job is not None:
                key = (job.server.host.lower(), job.login.user, job.target)
                if key in seen:
                    errors.append(CellError(job.line, "user", f"the same copy is asked for on line {seen[key]}"))
                seen.setdefault(key, job.line)
                jobs.append(job)
            if len(errors) >= MAX_ERRORS:
                break
    except csv.Error as error:
        errors.append(CellError(lines.line_num, "", f"not CSV: {error}"))
    if not jobs and not errors:
        errors.append(CellError(1, "", "the file names no account"))
    if errors:
        raise SourcesRejected(errors)
    return jobs


def _decoded(content: bytes) -> str:
    if len(content) > MAX_OCTETS:
        raise SourcesRejected([CellError(1, "", f"the file has more than {MAX_OCTETS} octets")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SourcesRejected([CellError(line, "", "not UTF-8: save the file as 'CSV UTF-8'")]) from error


def _header(cells: Sequence[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    wanted = f"the first line must name the columns {', '.join(_REQUIRED)} and, if wanted, {', '.join(_OPTIONAL)}"
    for name in names:
        if name not in {*_REQUIRED, *_OPTIONAL} or names.count(name) > 1:
            raise SourcesRejected([CellError(1, repr(name[:40]), f"unknown or there twice; {wanted}")])
    for name in _REQUIRED:
        if name not in names:
            raise SourcesRejected([CellError(1, name, f"is missing; {wanted}")])
    return names


def _job(
    header: Sequence[str], cells: Sequence[str], line: int, ca_file: Path | None, errors: list[CellError]
) -> Job | None:
    """The account of a line; None when it has an error, which is added to `errors`."""
    if len(cells) != len(header):
        errors.append(CellError(line, "", f"{len(cells)} columns where the first line has {len(header)}"))
        return None
    found = dict(zip(header, cells, strict=True))
    values = {name: text if name == "password" else text.strip() for name, text in found.items()}
    wrong = [CellError(line, name, "is empty") for name in _REQUIRED if not values[name]]
    for name, text in values.items():
        if any(char in text for char in "\0\r\n"):
            wrong.append(CellError(line, name, "holds a control character"))
    security = Security(values.get("tls") or "tls") if (values.get("tls") or "tls") in set(Security) else None
    if security is None:
        wrong.append(CellError(line, "tls", f"not one of {', '.join(Security)}"))
    port = values.get("port") or str(DEFAULT_PORTS[security or Security.TLS])
    if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) <= _LAST_PORT):
        wrong.append(CellError(line, "port", f"not a number from 1 to {_LAST_PORT}"))
    if "@" not in values["target"]:
        wrong.append(CellError(line, "target", "not an address of this gateway"))
    if wrong or security is None:
        errors.extend(wrong)
        return None
    server = Server(values["host"], int(port), security, ca_file)
    login = Login(values["user"], values["password"], values.get("master") or None)
    return Job(line, server, login, values["target"].lower())
