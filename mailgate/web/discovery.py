"""What mail programs and other servers read by HTTPS before they know anything: settings, the transport policy."""

from __future__ import annotations

from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mailgate.naming.site import Site

_TEMPLATES: Final = Environment(loader=PackageLoader("mailgate.web"), autoescape=True, undefined=StrictUndefined)
_CACHED: Final = {"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"}


def routes(site: Site, domain: str, name: str) -> list[Route]:
    """The addresses below which others look; `domain` is that of people's addresses, `name` what programs show."""
    settings = _TEMPLATES.get_template("autoconfig.xml").render(site=site, domain=domain, name=name)

    async def autoconfig(_: Request) -> Response:
        """Thunderbird, Evolution, K-9 Mail and others (draft-ietf-mailmaint-autoconfig)."""
        return Response(settings, media_type="text/xml", headers=_CACHED)

    async def mta_sts(_: Request) -> Response:
        """RFC 8461 section 3.2."""
        return PlainTextResponse(site.policy, headers=_CACHED)

    found = [
        Route("/mail/config-v1.1.xml", autoconfig, methods=["GET"]),
        Route("/.well-known/autoconfig/mail/config-v1.1.xml", autoconfig, methods=["GET"]),
    ]
    return [*found, *([Route("/.well-known/mta-sts.txt", mta_sts, methods=["GET"])] if site.policy else [])]
