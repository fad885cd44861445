"""Made-up school mail of ordinary size and structure, the same at every run."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from email.header import Header

CRLF = "\r\n"
_WORDS = (  # noqa: SIM905 a list would fill the page
    "réunion parents professeurs jeudi prochain salle collège sortie pédagogique autorisation cantine "
    "devoirs mathématiques français histoire évaluation bulletin trimestre conseil classe absence retard "
    "infirmerie voyage scolaire élève délégué orientation stage entreprise bibliothèque documentaliste "
    "chorale théâtre"
).split()
_BOUNDARY = b"=_bench_%d"


def message(number: int, *, sender: str = "direction@ent.example.org", to: str = "parents@ent.example.org") -> bytes:
    """Give message `number`: 2 to 25 kB, with encoded headers and one to three parts."""
    source = random.Random(number)  # noqa: S311 no secret
    subject = " ".join(source.choices(_WORDS, k=6)).capitalize()
    head = [
        f"From: {Header('Émilie Lefèvre', 'utf-8').encode(linesep=CRLF)} <{sender}>",
        f"To: {Header('Parents de la classe', 'utf-8').encode(linesep=CRLF)} <{to}>",
        f"Subject: {Header(subject, 'utf-8').encode(linesep=CRLF)}",
        f"Date: {source.randint(1, 28)} Nov 2026 {source.randint(8, 18):02}:{source.randint(0, 59):02}:00 +0100",
        f"Message-ID: <{number}.{source.getrandbits(64):x}@ent.example.org>",
        "MIME-Version: 1.0",
        "X-Mailer: Courrier 3.1",
    ]
    if number % 3:
        parents = [f"<{number - back}.{source.getrandbits(64):x}@ent.example.org>" for back in range(number % 3, 0, -1)]
        head += [f"In-Reply-To: {parents[-1]}", f"References: {' '.join(parents)}"]
    text = _text(source, source.randint(60, 400))
    plain = _part(b'text/plain; charset="utf-8"', text)
    if number % 5 == 0:
        return CRLF.join(head).encode() + b"\r\n" + plain
    html = _part(
        b'text/html; charset="utf-8"', "<html><body><p>" + text.replace("\n", "</p><p>") + "</p></body></html>"
    )
    body = _multipart(b"alternative", [plain, html], number)
    if number % 4 == 0:
        name = b'application/pdf; name="autorisation.pdf"\r\nContent-Disposition: attachment'
        body = _multipart(b"mixed", [body, _part(name, source.randbytes(source.randint(3000, 9000)))], number + 1)
    return CRLF.join(head).encode() + b"\r\n" + body


def messages(count: int) -> Iterator[bytes]:
    """Give `count` different messages."""
    return map(message, range(count))


def _text(source: random.Random, words: int) -> str:
    chosen = source.choices(_WORDS, k=words)
    return "\n".join(" ".join(chosen[start : start + 12]).capitalize() + "." for start in range(0, words, 12))


def _part(kind: bytes, content: str | bytes) -> bytes:
    data = content.encode() if isinstance(content, str) else content
    encoded = base64.encodebytes(data).replace(b"\n", b"\r\n")
    return b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encoded


def _multipart(kind: bytes, parts: list[bytes], number: int) -> bytes:
    boundary = _BOUNDARY % number
    lines = [b"Content-Type: multipart/" + kind + b'; boundary="' + boundary + b'"\r\n\r\n']
    lines += [b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts]
    return b"".join(lines) + b"--" + boundary + b"--\r\n"
