"""Made-up school mail of ordinary size and structure, the same at every run."""

from __future__ import annotations

import base64
import datetime
import quopri
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

PERIOD = 500
"""A message is rare in one way out of this many."""
RARE_WORDS = (  # noqa: SIM905
    "pâquerette éclipse crêperie forêt échiquier hôpital gâteau épopée rôtisserie prétérit "
    "chevêche ténébrion naïade aïoli ambiguïté maïeutique coïncidence égoïsme héroïne baïonnette"
).split()
"""Word `i` is in the body of every message whose number leaves `i` when divided by `PERIOD`, and nowhere else.

Even numbers have quoted-printable bodies, odd ones base64.
"""
RARE_SUBJECTS = "kermesse olympiades spectacle brocante carnaval".split()  # noqa: SIM905
"""Word `i` is in the subject of those that leave `100 + i`."""
RARE_SENDERS = ("Zoé Quéméneur", "Loïc Élissalde", "Maÿlis Ozanne", "Anaïs Ürbain", "Gaël Ostrowski")
"""Sender `i` wrote those that leave `200 + i`."""
_SENDER = "Émilie Lefèvre"
_FIRST_DAY = datetime.date(2026, 1, 1)
DAYS = 300


def message(number: int, *, sender: str = "direction@ent.example.org", to: str = "parents@ent.example.org") -> bytes:
    """Give message `number`: 2 to 25 kB, with encoded headers and one to three parts."""
    source = random.Random(number)  # noqa: S311 no secret
    subject = " ".join(source.choices(_WORDS, k=6)).capitalize()
    subject = " ".join([subject, *_rare(RARE_SUBJECTS, number - 100)])
    author = next(iter(_rare(RARE_SENDERS, number - 200)), _SENDER)
    head = [
        f"From: {Header(author, 'utf-8').encode(linesep=CRLF)} <{sender}>",
        f"To: {Header('Parents de la classe', 'utf-8').encode(linesep=CRLF)} <{to}>",
        f"Subject: {Header(subject, 'utf-8').encode(linesep=CRLF)}",
        f"Date: {day(number):%-d %b %Y} {source.randint(8, 18):02}:{source.randint(0, 59):02}:00 +0100",
        f"Message-ID: <{number}.{source.getrandbits(64):x}@ent.example.org>",
        "MIME-Version: 1.0",
        "X-Mailer: Courrier 3.1",
    ]
    if number % 3:
        parents = [f"<{number - back}.{source.getrandbits(64):x}@ent.example.org>" for back in range(number % 3, 0, -1)]
        head += [f"In-Reply-To: {parents[-1]}", f"References: {' '.join(parents)}"]
    text = _text(source, source.randint(120, 600), _rare(RARE_WORDS, number))
    plain = _text_part("plain", text, number)
    if number % 5 == 0:
        return CRLF.join(head).encode() + b"\r\n" + plain
    html = _text_part("html", "<html><body><p>" + text.replace("\n", "</p>\n<p>") + "</p></body></html>\n", number)
    body = _multipart(b"alternative", [plain, html], number)
    if number % 4 == 0:
        kind = b'application/pdf; name="autorisation.pdf"\r\nContent-Disposition: attachment'
        attached = _part(kind, b"base64", _base64(source.randbytes(source.randint(3000, 9000))))
        body = _multipart(b"mixed", [body, attached], number + 1)
    return CRLF.join(head).encode() + b"\r\n" + body


def messages(count: int) -> Iterator[bytes]:
    """Give `count` different messages."""
    return map(message, range(count))


def day(number: int) -> datetime.date:
    """The day of message `number` by its Date field."""
    return _FIRST_DAY + datetime.timedelta(days=number % DAYS)


def _rare(words: tuple[str, ...] | list[str], number: int) -> list[str]:
    place = number % PERIOD
    return [words[place]] if place < len(words) else []


def _text(source: random.Random, words: int, rare: list[str]) -> str:
    chosen = source.choices(_WORDS, k=words)
    for word in rare:
        chosen[words // 2] = word
    return "\n".join(" ".join(chosen[start : start + 12]).capitalize() + "." for start in range(0, words, 12)) + "\n"


def _text_part(subtype: str, text: str, number: int) -> bytes:
    kind = f'text/{subtype}; charset="utf-8"'.encode()
    if number % 2:
        return _part(kind, b"base64", _base64(text.encode()))
    return _part(kind, b"quoted-printable", quopri.encodestring(text.encode()).replace(b"\n", b"\r\n"))


def _base64(data: bytes) -> bytes:
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def _part(kind: bytes, encoding: bytes, encoded: bytes) -> bytes:
    return b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + encoded


def _multipart(kind: bytes, parts: list[bytes], number: int) -> bytes:
    boundary = _BOUNDARY % number
    lines = [b"Content-Type: multipart/" + kind + b'; boundary="' + boundary + b'"\r\n\r\n']
    lines += [b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts]
    return b"".join(lines) + b"--" + boundary + b"--\r\n"
