"""A profile of Thunderbird with one account, as a person has it after the set-up."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.end_to_end.gateway import Gateway, Person

TLS, NORMAL_PASSWORD = 3, 3
"""Thunderbird's numbers for the connection security SSL/TLS and the authentication Normal password."""

_QUIET = {
    "app.donation.eoy.version.viewed": 999,
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "datareporting.policy.dataSubmissionPolicyBypassNotification": True,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.rights.version": 1,
    "mail.shell.checkDefaultClient": False,
    "mail.spotlight.firstRunDone": True,
    "mail.warn_on_send_accel_key": False,
    "mailnews.start_page.enabled": False,
    "marionette.port": 0,
}


def make_profile(folder: Path, gateway: Gateway, person: Person, name: str, office: str) -> None:
    """A profile that trusts the gateway's authority; `office` is the address of the second identity, without a copy."""
    folder.mkdir()
    imap_port, smtp_port = gateway.imaps[1], gateway.smtps[1]
    preferences: dict[str, str | int | bool] = {
        **_QUIET,
        "mail.accountmanager.accounts": "account1",
        "mail.accountmanager.defaultaccount": "account1",
        "mail.account.account1.server": "server1",
        "mail.account.account1.identities": "id1,id2",
        "mail.smtpservers": "smtp1",
        "mail.smtp.defaultserver": "smtp1",
        "mail.server.server1.type": "imap",
        "mail.server.server1.name": name,
        "mail.server.server1.login_at_startup": True,
        **_server("mail.server.server1", "socketType", imap_port),
        "mail.server.server1.userName": person.address,
        **_server("mail.smtpserver.smtp1", "try_ssl", smtp_port),
        "mail.smtpserver.smtp1.username": person.address,
        **_identity("id1", name, person.address),
        **_identity("id2", "Équipe 6ème A", office),
        "mail.identity.id2.fcc": False,
    }
    lines = (f"user_pref({json.dumps(key)}, {json.dumps(value)});\n" for key, value in preferences.items())
    (folder / "user.js").write_text("".join(lines))
    database = f"sql:{folder}"
    subprocess.run(["certutil", "-N", "-d", database, "--empty-password"], check=True)
    subprocess.run(["certutil", "-A", "-d", database, "-n", "demo", "-t", "C,,", "-i", gateway.ca], check=True)


def _server(prefix: str, security: str, port: int) -> dict[str, str | int | bool]:
    return {
        f"{prefix}.hostname": "localhost",
        f"{prefix}.port": port,
        f"{prefix}.{security}": TLS,
        f"{prefix}.authMethod": NORMAL_PASSWORD,
    }


def _identity(key: str, name: str, address: str) -> dict[str, str | int | bool]:
    prefix = f"mail.identity.{key}"
    return {
        f"{prefix}.fullName": name,
        f"{prefix}.useremail": address,
        f"{prefix}.smtpServer": "smtp1",
        f"{prefix}.compose_html": False,
        f"{prefix}.valid": True,
    }
