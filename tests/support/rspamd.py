"""A private rspamd that asks nobody, from Debian's package, for tests: its GTUBE pattern, and rules of our own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

REJECTED: Final = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
"""The text of a message that it rejects; the rules decide about others by their Subject."""
_WITHIN: Final = 60.0
_CONFIGURATION: Final = """\
options {{
  pidfile = "{folder}/rspamd.pid";
  url_tld = "{folder}/tlds";
  tempdir = "{folder}";
  disable_hyperscan = true;
  control_socket = "{folder}/control.sock mode=0600";
  filters = "";
  gtube_patterns = "all";
  dns {{ nameserver = ["127.0.0.1:9"]; timeout = 0.1s; }}
}}
logging {{ type = "file"; filename = "{folder}/rspamd.log"; level = "warning"; }}
actions {{ reject = 15; add_header = 6; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
lua = "{folder}/rules.lua";
"""
_RULES: Final = """\
rspamd_config:register_symbol({
  name = "TOLD", type = "postfilter", score = 0.0,
  callback = function(task)
    local rcpts = {}
    for _, one in ipairs(task:get_recipients("smtp") or {}) do table.insert(rcpts, one.addr) end
    local told = table.concat({
      tostring(task:get_from_ip()), task:get_helo() or "", (task:get_from("smtp") or {{addr = ""}})[1].addr,
      table.concat(rcpts, "+"), task:get_user() or "-", task:get_queue_id() or "", task:get_size(),
    }, " ")
    task:set_milter_reply({add_headers = {["X-Told"] = told, ["From"] = "forged", ["X-Many"] = {"a\\r\\nb", "c"}}})
  end
})
rspamd_config:register_symbol({
  name = "BY_SUBJECT", type = "prefilter", score = 0.0,
  callback = function(task)
    if task:get_subject() == "other" then task:set_pre_result("rewrite subject", "other") end
    if task:get_subject() == "wait" then task:set_pre_result("soft reject", "later") end
    if task:get_subject() == "grey" then task:set_pre_result("greylist", "later") end
  end
})
rspamd_config:register_symbol({
  name = "HEAVY", score = 7.0,
  callback = function(task) return task:get_subject() == "heavy" end
})
rspamd_config:set_metric_symbol({name = "HEAVY", score = 7.0, group = "test"})
"""


class RspamdServer:
    """A server on loopback."""

    def __init__(self, folder: Path) -> None:
        self._program = shutil.which("rspamd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if self._program is None:
            raise FileNotFoundError("rspamd was not found: apt-get install rspamd")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        # The whole list takes 20 s to compile.
        (folder / "tlds").write_text("com\nexample\norg\n")
        (folder / "rules.lua").write_text(_RULES)
        (folder / "rspamd.conf").write_text(_CONFIGURATION.format(folder=folder, port=port))

    def __enter__(self) -> Self:
        assert self._program is not None
        command = [self._program, "--no-fork", "--insecure", "-c", str(self._folder / "rspamd.conf")]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + _WITHIN
        while not self._listening():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                raise AssertionError((self._folder / "rspamd.log").read_text())
            time.sleep(0.05)
        return self

    def _listening(self) -> bool:
        try:
            return httpx.get(f"{self.url}/ping", timeout=2, trust_env=False).text.strip() == "pong"
        except httpx.HTTPError:
            return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(20)
