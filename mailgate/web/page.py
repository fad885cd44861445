"""What every page is made with: templates, header fields, the language of who reads it.

Nothing on a page is fetched from elsewhere, and what a stranger wrote is text and never markup.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Final
from urllib.parse import parse_qs

import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from mailgate.i18n import Language

log = structlog.stdlib.get_logger("mailgate.web")

MAX_FORM: Final = 16 * 1024
"""Octets of a form."""
_STYLE: Final = resources.files("mailgate.web").joinpath("templates", "style.css").read_text(encoding="utf-8")
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_TEMPLATES: Final = Environment(
    loader=PackageLoader("mailgate.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(name: str, language: Language, status: int = 200, **values: object) -> HTMLResponse:
    """A page from a template."""
    text = _TEMPLATES.get_template(name).render(language=language, style=_STYLE, **values)
    return HTMLResponse(text, status, HEADERS)


async def read_form(request: Request) -> dict[str, str] | None:
    """The fields of a form, the first of each name; None when it is too long."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_FORM:
            return None
    try:
        found = parse_qs(body.decode("ascii"), max_num_fields=10)
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items()}


def safely(handle: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """The same, with an answer for a fault of ours that tells nothing."""

    async def handler(request: Request) -> Response:
        try:
            return await handle(request)
        except Exception as error:
            log.error("page failed", error=type(error).__name__)  # noqa: TRY400 - a traceback may hold a message
            return Response(status_code=500, headers=HEADERS)

    return handler


def preferred(accepted: str) -> Language | None:
    """The language that a browser likes best of ours (RFC 9110 section 12.5.4)."""
    best: tuple[float, Language] | None = None
    for item in accepted.lower()[:500].split(","):
        name, _, weight = item.partition(";")
        try:
            liked = float(weight.partition("q=")[2] or 1)
        except ValueError:
            continue
        for language in ("fr", "en"):
            if name.strip().partition("-")[0] == language and liked > (best[0] if best else 0):
                best = liked, language
    return best[1] if best else None
