"""The page on which who has copies or words outside ends that: one click in the mail program (RFC 8058), or a button.

The link is the right to do so, as the address in the same messages is (`mailgate.delivery.ending`). A GET shows, a POST
ends it, whoever sends it and whatever is in it: no cookie, no sign-in, no question, no redirect (RFC 8058 section 3.2).
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailgate.delivery.ending import Endings
from mailgate.i18n import Language, translator
from mailgate.queue.stop_addresses import PAGE, parse_token
from mailgate.web.page import page, preferred, safely

_ACTOR: Final = "by a link from there"


def routes(endings: Endings, language: Language) -> list[Route]:
    """The page; `language` is for who asks for none."""

    async def show(request: Request) -> Response:
        claim = parse_token(request.path_params["token"])
        if await endings.claimed(claim) is None:
            return _said(request, language, 404 if claim is None else 200)
        reader = preferred(request.headers.get("accept-language", "")) or language
        translate = translator(reader)
        return page(
            "stop.html", reader,
            title=translate(_("Messages sent to your address outside")),
            facts=[],
            text=translate(_("All your messages stay in your mailbox at the school.")),
            button=translate(_("Send nothing more there")),
        )  # fmt: skip

    async def stop(request: Request) -> Response:
        claim = parse_token(request.path_params["token"])
        if (ending := await endings.claimed(claim)) is not None:
            await endings.end(ending, _ACTOR)
        return _said(request, language, 404 if claim is None else 200)

    path = PAGE + "{token:str}"
    return [Route(path, safely(show), methods=["GET"]), Route(path, safely(stop), methods=["POST"])]


def _said(request: Request, language: Language, status: int) -> Response:
    """That it has ended: also to who asks once more, and where that cannot be told from a link that never was."""
    reader = preferred(request.headers.get("accept-language", "")) or language
    title = translator(reader)(_("Nothing more is sent outside under this link."))
    return page("said.html", reader, status, title=title, facts=[])


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
