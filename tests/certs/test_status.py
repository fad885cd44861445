"""`inspect` says in words what is wrong with a certificate."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from certs import CertificateFiles, ensure_demo, inspect

NOW = datetime.datetime(2026, 11, 22, 12, 0, tzinfo=datetime.UTC)


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    return ensure_demo(tmp_path / "tls", ["mail.ent.example.org", "*.lists.example.org"], NOW)


def only_problem(files: CertificateFiles, *wanted: str, days: float = 0) -> str:
    problems = inspect(files.certificate, files.key, wanted, NOW + datetime.timedelta(days=days)).problems
    assert len(problems) == 1, problems
    return problems[0]


def test_a_good_certificate_has_no_problem(files: CertificateFiles) -> None:
    status = inspect(files.certificate, files.key, ["MAIL.ent.example.org", "a.lists.example.org", "::1"], NOW)
    assert status.problems == ()
    assert status.subject == "mail.ent.example.org"
    assert status.not_after == NOW + datetime.timedelta(days=90)


@pytest.mark.parametrize("name", ["other.example.org", "a.b.lists.example.org", "lists.example.org", "192.0.2.1"])
def test_a_missing_name(files: CertificateFiles, name: str) -> None:
    assert only_problem(files, name) == f"not good for the name {name}"


def test_dates(files: CertificateFiles) -> None:
    assert only_problem(files, days=91) == "expired on 2027-02-20"
    assert only_problem(files, days=80) == "expires soon, on 2027-02-20"
    assert "is the clock right?" in only_problem(files, days=-1)
    assert inspect(files.certificate, now=NOW + datetime.timedelta(days=91)).days_left == -1


def test_a_key_of_another_certificate(files: CertificateFiles) -> None:
    shutil.copy(files.certificate.parent / "ca.key", files.key)
    assert "not that of the certificate" in only_problem(files)


def test_a_key_that_every_user_can_read(files: CertificateFiles) -> None:
    files.key.chmod(0o644)
    assert "chmod 600" in only_problem(files)


def test_a_key_that_is_missing_broken_or_encrypted(files: CertificateFiles) -> None:
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"password")
    files.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    assert "encrypted" in only_problem(files)
    files.key.write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    assert "not a private key" in only_problem(files)
    files.key.unlink()
    assert "No such file" in only_problem(files)


def test_a_weak_key(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - weak is what is tested
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "weak.example.org")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + datetime.timedelta(days=90))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "weak.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    status = inspect(path, now=NOW)
    assert status.problems == ("weak key: RSA of 1024 bits, 2048 are needed",)
    assert status.names == ()


@pytest.mark.parametrize(
    "content", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_not_a_certificate(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "server.pem"
    path.write_bytes(content)
    assert "not a certificate" in inspect(path).problems[0]
    path.unlink()
    assert "No such file" in inspect(path).problems[0]
