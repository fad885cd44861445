"""A demonstration has its own authority, and a certificate that programs accept."""

from __future__ import annotations

import datetime
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from certs import CertificateFiles, ensure_demo, inspect

NOW = datetime.datetime(2026, 11, 22, 12, 0, tzinfo=datetime.UTC)


def serials(files: CertificateFiles) -> tuple[int, int]:
    assert files.ca is not None
    ca, server = (x509.load_pem_x509_certificate(path.read_bytes()) for path in (files.ca, files.certificate))
    return ca.serial_number, server.serial_number


def test_the_certificate_is_good_for_the_names_and_the_local_ones(tmp_path: Path) -> None:
    wanted = ["mail.ent.example.org", "192.0.2.1", "localhost", "127.0.0.1", "::1"]
    files = ensure_demo(tmp_path / "tls", ["mail.ent.example.org", "192.0.2.1"], NOW)
    status = inspect(files.certificate, files.key, wanted, NOW)
    assert status.problems == ()
    assert set(status.names) == set(wanted)
    assert status.days_left == 90


def test_keys_are_for_the_owner_only(tmp_path: Path) -> None:
    files = ensure_demo(tmp_path / "tls", [], NOW)
    for key in (files.key, tmp_path / "tls" / "ca.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert sorted(path.name for path in (tmp_path / "tls").iterdir()) == [
        "ca.key",
        "ca.pem",
        "server.key",
        "server.pem",
    ]


def test_a_second_call_changes_nothing(tmp_path: Path) -> None:
    ensure_demo(tmp_path, ["a.example"], NOW)
    first = {path: path.read_bytes() for path in tmp_path.iterdir()}
    ensure_demo(tmp_path, ["a.example"], NOW + datetime.timedelta(days=30))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == first


def test_near_its_end_the_certificate_is_renewed_by_the_same_authority(tmp_path: Path) -> None:
    ca, server = serials(ensure_demo(tmp_path, ["a.example"], NOW))
    files = ensure_demo(tmp_path, ["a.example"], NOW + datetime.timedelta(days=61))
    assert serials(files)[0] == ca
    assert serials(files)[1] != server


def test_other_names_need_another_certificate(tmp_path: Path) -> None:
    ca, server = serials(ensure_demo(tmp_path, ["a.example"], NOW))
    files = ensure_demo(tmp_path, ["b.example"], NOW)
    assert serials(files)[0] == ca
    assert serials(files)[1] != server
    assert inspect(files.certificate, files.key, ["b.example"], NOW).problems == ()


def test_near_its_end_the_authority_is_renewed_with_all(tmp_path: Path) -> None:
    ca, server = serials(ensure_demo(tmp_path, [], NOW))
    later = NOW + datetime.timedelta(days=3649)
    files = ensure_demo(tmp_path, [], later)
    assert serials(files)[0] != ca
    assert serials(files)[1] != server
    assert inspect(files.certificate, files.key, [], later).problems == ()


@pytest.mark.parametrize("name", ["ca.pem", "ca.key", "server.pem", "server.key"])
@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_missing_and_broken_files_are_made_anew(tmp_path: Path, name: str, content: bytes | None) -> None:
    files = ensure_demo(tmp_path, [], NOW)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    ensure_demo(tmp_path, [], NOW)
    assert inspect(files.certificate, files.key, ["localhost"], NOW).problems == ()


def test_a_name_that_no_certificate_can_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="label"):
        ensure_demo(tmp_path, ["x" * 64 + ".example"], NOW)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl program is not installed")
def test_openssl_verifies_the_chain(tmp_path: Path) -> None:
    files = ensure_demo(tmp_path, ["mail.ent.example.org"])
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "mail.ent.example.org"]
    outcome = subprocess.run(
        [*command, "-CAfile", str(files.ca), str(files.certificate)], capture_output=True, text=True, check=False
    )
    assert outcome.stdout.strip().endswith("server.pem: OK"), outcome.stderr
