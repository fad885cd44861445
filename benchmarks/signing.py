"""DKIM: what it costs to sign and to verify a message, beside dkimpy; processor time of one core.

Run from the root of the tree: ``python -m benchmarks.signing``.
"""

from __future__ import annotations

import asyncio
import base64
import statistics
import time
from collections.abc import Callable
from typing import Final

import dkim as dkimpy
import dns.rdata
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from rich.console import Console
from rich.table import Table

from certs import dkim
from certs.dkim import Kind, PrivateKey
from smtp.authentication.canonical import hash_body
from smtp.authentication.dkim import Result, Verifier
from smtp.authentication.signing import SigningKey, sign
from smtp.header import read_fields
from smtp.resolver import Found

SIZES: Final = {"11 KB": 11_000, "5 MB": 5_000_000}
_HEADER: Final = (
    b"Received: from a by b; now\r\nFrom: Alice <alice@ent.example.org>\r\nTo: a@example.net\r\nSubject: Sortie\r\n"
    b"Date: Mon, 1 Jun 2026 08:00:00 +0200\r\nMessage-ID: <1@ent.example.org>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
)
_LINE: Final = b"Chers parents, la sortie de fin d'annee aura lieu jeudi, rendez-vous devant le portail.\r\n"
_BLOCK: Final = 256 * 1024


class _Names:
    """The one key there is."""

    def __init__(self, record: str) -> None:
        pieces = " ".join(f'"{record[at : at + 255]}"' for at in range(0, len(record), 255))
        self._found = Found("", (dns.rdata.from_text("IN", "TXT", pieces),))

    async def lookup(self, name: str, kind: str) -> Found:
        """Whatever the name."""
        del name, kind
        return self._found


def main() -> None:
    """Measure, and print one table."""
    table = Table("", *(f"{size} {kind}" for size in SIZES for kind in Kind))
    columns = [_column(octets, kind) for octets in SIZES.values() for kind in Kind]
    for row in columns[0]:
        table.add_row(row, *(f"{column[row]:.2f} ms" for column in columns))
    Console(soft_wrap=True).print(table)


def _column(octets: int, kind: Kind) -> dict[str, float]:
    key = dkim.generate(kind)
    record = dkim.record(key)
    body = _LINE * (octets // len(_LINE))
    ours = SigningKey("ent.example.org", "s", key)

    def signed() -> bytes:
        blocks = (body[at : at + _BLOCK] for at in range(0, len(body), _BLOCK))
        return sign(_HEADER, hash_body(blocks, {True})[True][0], [ours], int(time.time()))

    verifier, header = Verifier(_Names(record)), signed() + _HEADER
    message = header + b"\r\n" + body
    private, algorithm = _for_dkimpy(key)

    def verified() -> None:
        [found] = loop.run_until_complete(verifier.verify(read_fields(header), lambda: [body], int(time.time())))
        assert found.result is Result.PASS

    def by_dkimpy() -> None:
        assert dkimpy.verify(message, dnsfunc=lambda _name, timeout: record.encode())

    def signed_by_dkimpy() -> None:
        dkimpy.sign(message, b"s", b"ent.example.org", private, None, (b"relaxed", b"relaxed"), algorithm)

    loop = asyncio.new_event_loop()
    times = 100 if octets < 1_000_000 else 7
    measured = {"sign": signed, "sign, dkimpy": signed_by_dkimpy, "verify": verified, "verify, dkimpy": by_dkimpy}
    results = {name: _cost(work, times) for name, work in measured.items()}
    loop.close()
    return results


def _for_dkimpy(key: PrivateKey) -> tuple[bytes, bytes]:
    if dkim.record(key).startswith("v=DKIM1; k=rsa"):
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        return pem, b"rsa-sha256"
    return base64.b64encode(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())), b"ed25519-sha256"


def _cost(work: Callable[[], object], times: int) -> float:
    """Milliseconds of processor, the median of so many."""
    work()
    taken = []
    for _ in range(times):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return statistics.median(taken) * 1_000


if __name__ == "__main__":
    main()
