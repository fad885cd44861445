"""`mailgate dns SCHOOL` and `mailgate dns check`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from certs import ensure_demo
from mailgate.cli.context import ExitCode
from tests.cli.command import Command, describe
from tests.support.nameserver import NameServer, txt

SCHOOL = "clg-frederic-mistral.ent.example.org"
UAI = "0131001T"
GATE = "gate.ent.example.org"


def set_up(command: Command, tmp_path: Path, **dns: Any) -> None:  # noqa: ANN401 - settings
    """A gateway that takes mail from the world."""
    files = ensure_demo(tmp_path / "tls", [GATE])
    settings = {
        "gateway": {"hostname": GATE},
        "database": {"url": f"sqlite:///{tmp_path}/academy.db"},
        "tls": {"certificate": str(files.certificate), "key": str(files.key)},
        "mx": {"listen": ["127.0.0.1:2525"], "mta_sts": "enforce"},
        "web": {"listen": ["127.0.0.1:8443"]},
        "directory": {"school_year": 2025},
        "dns": dns,
    }
    command.use(describe(settings))


def test_the_records_of_a_school_are_lines_of_a_zone_file(academy: Command, tmp_path: Path) -> None:
    set_up(academy, tmp_path)
    lines = academy.good("dns", UAI).out.splitlines()
    zone = [line for line in lines if not line.startswith(";")]
    assert f"{SCHOOL}. 3600 IN MX 10 {GATE}." in zone
    assert "ent.example.org. 3600 IN MX 10 gate.ent.example.org." in zone
    assert f'_mta-sts.{SCHOOL}. 3600 IN TXT "v=STSv1; id=' in "\n".join(zone)
    assert len(zone) == len(set(zone))
    assert lines[0].startswith("; ")
    assert academy.good("dns", UAI, "--json").json[0]["topic"] == "MX"
    refused = academy("dns", "0130000X")
    assert refused.code == ExitCode.FAILED
    assert "no school has the code 0130000X" in refused.err


def test_what_the_world_sees_is_compared(academy: Command, tmp_path: Path) -> None:
    async def checked() -> None:
        async with NameServer({f"{SCHOOL} MX": [f"10 {GATE}."], f"{SCHOOL} TXT": [txt("v=spf1 -all")]}) as server:
            set_up(academy, tmp_path, servers=[f"127.0.0.1:{server.port}"], timeout=10)
            shown = await asyncio.to_thread(academy, "dns", "check", UAI)
            every = await asyncio.to_thread(academy, "dns", "check", "--json")
        assert shown.code == every.code == ExitCode.FAILED
        assert f"✓ {SCHOOL}  MX  ok" in shown.out
        assert f"✗ {SCHOOL}  TXT  different" in shown.out
        assert "    found:   v=spf1 -all" in shown.out
        states = {(one["record"]["name"], one["record"]["type"]): one["state"] for one in every.json}
        assert states[SCHOOL, "MX"] == "ok"
        assert states["ent.example.org", "MX"] == "missing"
        assert len({name for name, kind in states if kind == "MX"}) > 2, "every school"

    asyncio.run(checked())
