"""Dovecot as a school would run it, with Postfix in front: submission, a list as an alias, LMTP, IMAPS."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from benchmarks.peers.peer import SENDERS, Peer, Person, bytes_on_disk, free_port
from benchmarks.peers.postfix import Relay
from certs import ensure_demo
from tests.support.dovecot import PASSWORD, Dovecot

Format = Literal["maildir", "sdbox"]

_LIST = "parents@bench.example.org"
_LOCATIONS: dict[Format, str] = {"maildir": "maildir:~/Maildir", "sdbox": "sdbox:~/sdbox"}

_CONFIGURATION = """
mail_location = {location}
protocols = imap lmtp
ssl = required
ssl_cert = <{certificate}
ssl_key = <{key}
ssl_min_protocol = TLSv1.2
auth_cache_size = 8M
maildir_very_dirty_syncs = yes
mail_max_userip_connections = 0
service imap-login {{
  service_count = 0
  process_min_avail = 2
  client_limit = 4000
  vsz_limit = 1G
  inet_listener imaps {{
    address = 127.0.0.1
    port = {imaps}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 4000
  process_min_avail = 4
}}
service anvil {{
  client_limit = 9000
}}
service auth {{
  client_limit = 9000
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

_WATCHED = 50
"""Linux gives a user 128 inotify instances, here for two servers; mailboxes beyond are looked at every 30 seconds."""


@contextmanager
def dovecot(members: int, mail_format: Format) -> Iterator[Peer]:
    """Run it and its Postfix with `members` people on one list, in a temporary folder.

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
        extra = _CONFIGURATION.format(
            location=_LOCATIONS[mail_format],
            certificate=tls.certificate,
            key=tls.key,
            imaps=imaps,
            directory=directory,
        )
        people = tuple(Person(f"parent{number}@bench.example.org", PASSWORD) for number in range(members))
        server = Dovecot(directory, fsync="optimized", extra=extra)
        relay = Relay(directory / "postfix", tls, auth=directory / "auth", lmtp=directory / "lmtp")
        with server, relay.running({_LIST: [person.address for person in people]}):
            yield Peer(
                name=f"Dovecot, {mail_format}",
                imaps=("127.0.0.1", imaps),
                smtps=("127.0.0.1", relay.port),
                mx=("127.0.0.1", relay.mx),
                ca=tls.ca or tls.certificate,
                senders=tuple(Person(f"direction{number}@bench.example.org", PASSWORD) for number in range(SENDERS)),
                list_address=_LIST,
                members=people,
                processes=lambda: (int((directory / "run" / "master.pid").read_text()), relay.pid),
                stored=lambda: bytes_on_disk(directory / "home"),
                most_idle=_WATCHED,
                forget=lambda: _forget(server),
                smarthost=relay.smarthost,
                flush=relay.flush,
            )
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _forget(server: Dovecot) -> None:
    """Remove the caches of headers and structures, which it then makes again from the messages, and start it anew."""
    server.stop()
    for path in (server.directory / "home").rglob("dovecot.index.cache"):
        path.unlink()
    server.start()
