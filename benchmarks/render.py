"""CPU time of rendering one message, and its ratio to parsing with the standard library.

Run from the root of the tree: ``python -m benchmarks.render``.
"""

from __future__ import annotations

import email
import random
import time
from collections.abc import Callable, Sequence
from email.message import EmailMessage

from imap.message import render
from imap.message.envelope import Envelope
from imap.message.scanner import scan
from imap.message.structure import StructureEncoder
from tests.imap_message.corpus import messages

ROUNDS = 5


def school_message(seed: int, attachment: int = 4500) -> bytes:
    """A message as a school sends it: relayed, signed, text and HTML, one attachment; 11 KB by default."""
    chance = random.Random(seed)  # noqa: S311
    message = EmailMessage()
    message["From"] = "Hélène Çelik <helene.celik@college-a.example>"
    message["To"] = "Loïc Nguyễn <loic.nguyen@college-a.example>, Parent Deux <parent2@ent.example>"
    message["Subject"] = f"Réunion parents-professeurs du {seed} novembre"
    message["Date"] = "Mon, 2 Nov 2026 08:00:00 +0100"
    message["Message-ID"] = f"<{seed}@college-a.example>"
    for hop in range(8):
        message["Received"] = (
            f"from mx{hop}.example (mx{hop}.example [192.0.2.{hop}]) by mail.example with ESMTPS "
            f"id {chance.random()} for <loic.nguyen@college-a.example>; Mon, 2 Nov 2026 08:00:0{hop} +0100"
        )
    message["DKIM-Signature"] = "v=1; a=rsa-sha256; d=college-a.example; b=" + "A" * 300
    message.set_content("Bonjour,\n" + "la réunion aura lieu à 18 h.\n" * 30)
    message.add_alternative("<p>la réunion aura lieu à 18 h.</p>\n" * 30, subtype="html")
    message.add_attachment(chance.randbytes(attachment), maintype="application", subtype="pdf", filename="a.pdf")
    return message.as_bytes().replace(b"\n", b"\r\n")


def wire_texts_only(content: bytes) -> None:
    """ENVELOPE, BODY and BODYSTRUCTURE, without sort keys, thread keys, listing and part table."""
    root = scan(content)
    envelope = Envelope(root.fields)
    envelope.encode()
    StructureEncoder(content, envelope.addresses_left).encode(root)


def microseconds(work: Callable[[bytes], object], contents: Sequence[bytes]) -> float:
    """The best mean CPU time of one call, in microseconds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for content in contents:
            work(content)
        best = min(best, time.process_time() - start)
    return best / len(contents) * 1e6


def main() -> None:
    """Print one line for each set of messages."""
    sets = {
        "200 school messages": [school_message(seed) for seed in range(200)],
        "one of 5 MB": [school_message(1, 3_700_000)],
        "one of 25 MB": [school_message(1, 18_500_000)],
        "600 collected messages": list(messages().values()),
    }
    print(f"{'':24}{'octets':>10}{'scan':>10}{'wire texts':>12}{'render':>10}{'stdlib':>12}{'ratio':>8}   (µs each)")
    for name, contents in sets.items():
        size = sum(map(len, contents)) // len(contents)
        scanned, texts, rendered, parsed = (
            microseconds(work, contents) for work in (scan, wire_texts_only, render, email.message_from_bytes)
        )
        times = f"{scanned:>10.0f}{texts:>12.0f}{rendered:>10.0f}{parsed:>12.0f}"
        print(f"{name:24}{size:>10}{times}{parsed / rendered:>8.1f}")


if __name__ == "__main__":
    main()
