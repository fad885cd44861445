"""Messages with attachments, and archives, for tests."""

from __future__ import annotations

import io
import zipfile
from base64 import encodebytes

HEAD = b"From: Un ami <ami@elsewhere.example>\r\nSubject: %b\r\nMIME-Version: 1.0\r\n"


def crlf(text: str | bytes) -> bytes:
    """With CRLF line ends."""
    octets = text.encode() if isinstance(text, str) else text
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def attached(fields: str, octets: bytes = b"data", *, subject: str = "Fichier", sender: str = "") -> bytes:
    """A message with one attachment, whose fields (but for its encoding) are these."""
    head = HEAD % subject.encode()
    if sender:
        head = head.replace(b"Un ami <ami@elsewhere.example>", sender.encode())
    return (
        head
        + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nBonjour\r\n--b\r\n"
        + crlf(fields)
        + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + crlf(encodebytes(octets))
        + b"\r\n--b--\r\n"
    )


def named(name: str, octets: bytes = b"data", *, subject: str = "Fichier", sender: str = "") -> bytes:
    """A message with an attachment of this name."""
    fields = f'Content-Type: application/octet-stream\nContent-Disposition: attachment; filename="{name}"'
    return attached(fields, octets, subject=subject, sender=sender)


def archive(*names: str, octets: bytes = b"x" * 100, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP archive of files of these names."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as opened:
        for name in names:
            opened.writestr(name, octets)
    return made.getvalue()
