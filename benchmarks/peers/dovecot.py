"""Postfix and Dovecot as a school would run them together: submission, a list as an alias, LMTP, IMAPS."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers.peer import Peer, Person, bytes_on_disk, free_port
from benchmarks.peers.postfix import Postfix
from certs import ensure_demo
from tests.support.dovecot import PASSWORD, Dovecot

_LIST = "parents@bench.example.org"
_SENDER = "direction@bench.example.org"

_CONFIGURATION = """
protocols = imap lmtp
ssl = required
ssl_cert = <{certificate}
ssl_key = <{key}
ssl_min_protocol = TLSv1.2
auth_cache_size = 8M
service imap-login {{
  service_count = 0
  process_min_avail = 2
  client_limit = 2000
  inet_listener imaps {{
    address = 127.0.0.1
    port = {imaps}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 4000
}}
service anvil {{
  client_limit = 8000
}}
service auth {{
  client_limit = 8000
  unix_listener {directory}/auth {{
    mode = 0666
  }}
}}
service lmtp {{
  unix_listener {directory}/lmtp {{
    mode = 0666
  }}
}}
"""


@contextmanager
def dovecot_and_postfix(members: int) -> Iterator[Peer]:
    """Run both with `members` people on one list, in a temporary folder.

    Dovecot is set as its manual advises for many connections (login processes that serve more than one), and keeps its
    default of syncing what it delivers.

    Raises:
        RuntimeError: one is not installed, did not start, or Postfix was not started by root.
    """
    directory = Path(tempfile.mkdtemp(prefix="benchmark-peers-"))
    directory.chmod(0o755)
    try:
        tls = ensure_demo(directory / "tls", ["localhost"])
        imaps = free_port()
        extra = _CONFIGURATION.format(certificate=tls.certificate, key=tls.key, imaps=imaps, directory=directory)
        people = tuple(Person(f"parent{number}@bench.example.org", PASSWORD) for number in range(members))
        server = Dovecot(directory, fsync="optimized", extra=extra)
        relay = Postfix(directory / "postfix", tls, auth=directory / "auth", lmtp=directory / "lmtp")
        with server, relay.running({_LIST: [person.address for person in people]}):
            yield Peer(
                name="Postfix + Dovecot",
                imaps=("127.0.0.1", imaps),
                smtps=("127.0.0.1", relay.port),
                ca=tls.ca or tls.certificate,
                sender=Person(_SENDER, PASSWORD),
                list_address=_LIST,
                members=people,
                processes=(int((directory / "run" / "master.pid").read_text()), relay.pid),
                stored=lambda: bytes_on_disk(directory / "home"),
            )
    finally:
        shutil.rmtree(directory, ignore_errors=True)
