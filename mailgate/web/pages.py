"""The pages on which a link of moderation is used: a GET shows, only a POST decides.

Programs that look at links before people do open them with GET; nothing comes of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mailgate.i18n import Language
from mailgate.moderation.deciding import DecidedError, Moderation, Ticket, UndeliverableError
from mailgate.moderation.held import OPEN
from mailgate.moderation.links import PATH
from mailgate.moderation.tokens import Action
from mailgate.moderation.wording import Writer
from mailgate.web.page import HEADERS, page, preferred, read_form, safely


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text


def application(moderation: Moderation, language: Language, others: Sequence[Route] = ()) -> Starlette:
    """The pages, and `others` beside them; `language` is for who asks for none."""
    pages = _Pages(moderation, language)
    return Starlette(
        routes=[
            Route(PATH + "{token:str}", safely(pages.show), methods=["GET"]),
            Route(PATH + "{token:str}", safely(pages.decide), methods=["POST"]),
            *others,
        ],
        exception_handlers={404: pages.unknown, 405: pages.unknown},
    )


class _Pages:
    def __init__(self, moderation: Moderation, language: Language) -> None:
        self._moderation = moderation
        self._language = language

    async def show(self, request: Request) -> Response:
        ticket = await self._moderation.ticket(request.path_params["token"])
        if ticket is None or ticket.action is Action.REPLY:
            return self._unknown(request)
        writer = self._writer(request, ticket)
        if ticket.held.state not in OPEN:
            return self._said(writer, writer.became(ticket.held), ticket)
        return self._page(
            "decide.html",
            writer,
            title=writer.say(_("A message waits for you") if ticket.slot else _("Your message waits")),
            facts=writer.facts(ticket.held),
            preview=await self._moderation.preview(ticket.held),
            forms=await self._forms(writer, ticket),
            until=writer.say(_("Decide by {time}."), time=writer.time(ticket.held.expires_at)) if ticket.slot else "",
            more=writer.say(_("The whole message is attached to the notice that you got.")) if ticket.slot else "",
        )

    async def decide(self, request: Request) -> Response:
        ticket = await self._moderation.ticket(request.path_params["token"])
        if ticket is None or ticket.action is Action.REPLY:
            return self._unknown(request)
        writer = self._writer(request, ticket)
        form = await read_form(request)
        if form is None:
            return self._said(writer, writer.say(_("What you wrote is too long.")), ticket, status=413)
        try:
            await self._moderation.use(ticket, form.get("words", ""))
        except DecidedError as error:
            return self._said(writer, writer.became(error.held), ticket, status=409)
        except UndeliverableError as error:
            return self._said(writer, writer.undeliverable(stopped=error.stopped), ticket, status=409)
        # A page that is loaded again asks to decide again: the answer is a page that only shows.
        return RedirectResponse(request.url.path, status_code=303, headers=HEADERS)

    async def unknown(self, request: Request, _: Exception) -> Response:
        """Whatever else is asked for."""
        return self._unknown(request)

    async def _forms(self, writer: Writer, ticket: Ticket) -> list[dict[str, str | bool]]:
        """The ways to decide; that of the link stands first."""
        texts = {
            Action.APPROVE: writer.say(_("Approve")),
            Action.REFUSE: writer.say(_("Refuse")),
            Action.CANCEL: writer.say(_("Take back")),
        }
        offered = [Action.APPROVE, Action.REFUSE] if ticket.slot else [Action.CANCEL]
        words = writer.say(_("A word to the writer, if you like"))
        return [
            {
                "action": PATH + await self._moderation.token(ticket, action),
                "name": action.value,
                "text": texts[action],
                "words": words if action is Action.REFUSE else "",
            }
            for action in sorted(offered, key=lambda action: action is not ticket.action)
        ]

    def _said(self, writer: Writer, text: str, ticket: Ticket, *, status: int = 200) -> Response:
        return self._page("said.html", writer, status, title=text, facts=writer.facts(ticket.held)[:3])

    def _unknown(self, request: Request) -> Response:
        writer = self._writer(request, None)
        title = writer.say(_("This link leads nowhere. It may be incomplete, or too old."))
        return self._page("said.html", writer, 404, title=title, facts=[])

    def _writer(self, request: Request, ticket: Ticket | None) -> Writer:
        wanted = preferred(request.headers.get("accept-language", ""))
        language = wanted or (ticket.held.language if ticket else self._language)
        return Writer(language, self._moderation.service.zone)

    def _page(self, name: str, writer: Writer, status: int = 200, **values: object) -> Response:
        return page(name, writer.language, status, **values)
