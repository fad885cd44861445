"""`mailgate serve`: the gateway itself."""

from __future__ import annotations

import typer

from mailgate import logs
from mailgate.cli.context import settings_of
from mailgate.serve import serve as serve_gateway


def serve(context: typer.Context) -> None:
    """Serve IMAP and submission until SIGTERM; SIGHUP looks at the certificate files again.

    Example: mailgate --config /etc/mailgate/mailgate.toml serve
    """
    settings = settings_of(context)
    logs.configure(settings.log.format, settings.log.level)
    raise typer.Exit(serve_gateway(settings, on_ready=lambda _: None))
