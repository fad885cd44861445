"""Where a certificate and its key are, and how such files are written."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

PRIVATE = 0o600
PUBLIC = 0o644


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """PEM files: the certificate with its chain, its private key, and the authority's certificate when it is known."""

    ca: Path | None
    certificate: Path
    key: Path


def write_atomically(path: Path, content: bytes, mode: int) -> None:
    """Put a file in place at once, with its mode from the start: a reader sees the old content or the new one."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
