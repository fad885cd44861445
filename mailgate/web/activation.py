"""The page on which somebody who has a letter chooses a password: address and code, then the password, then what to
enter into a mail program.

Nothing is kept between its steps: no cookie, no session; each form holds what the next step needs, and the code is the
right to take it. So another site has nothing to forge: it would need the code. A form that a browser says another site
sent is refused all the same, since otherwise such a site could guess from the networks of its visitors. The code stands
in no address, so that no log, history or referrer has it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailgate.accounts.activation import Activations, Claim
from mailgate.accounts.chosen_passwords import MIN_LENGTH
from mailgate.accounts.errors import (
    AccountsError,
    ActivationRefused,
    PasswordRejected,
    SignInUnavailable,
    TooManyAttempts,
    UnknownAccount,
)
from mailgate.i18n import Language, translator
from mailgate.naming.client_setup import hints, settings_to_enter
from mailgate.naming.site import Site
from mailgate.web.page import page, preferred, read_form, safely

PATH: Final = "/activation"


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text


def routes(activations: Activations, site: Site, help_url: str, language: Language) -> list[Route]:
    """The page; `language` is for who asks for none, `help_url` a page of the operator's (empty: none)."""

    async def show(request: Request) -> Response:
        return _Reply(request, language).ask()

    async def use(request: Request) -> Response:
        reply = _Reply(request, language)
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return reply.ask(403, error=reply.say(_("This form was sent by another site. Please fill it in here.")))
        form = await read_form(request)
        if form is None:
            return reply.ask(413, error=reply.say(_("What you wrote is too long.")))
        try:
            claim = await activations.claim(
                form.get("address", ""), form.get("code", ""), request.client.host if request.client else ""
            )
            if "password" not in form:
                return reply.choose(claim, form["code"])
            return await _set(activations, claim, form, reply) or reply.done(claim, site, help_url)
        except (ActivationRefused, UnknownAccount, SignInUnavailable) as error:
            return reply.refuse(error, form.get("address", ""))

    return [Route(PATH, safely(show), methods=["GET"]), Route(PATH, safely(use), methods=["POST"])]


async def _set(activations: Activations, claim: Claim, form: dict[str, str], reply: _Reply) -> Response | None:
    """Use the code; the same form again where the password will not do."""
    if form["password"] != form.get("again", ""):
        return reply.choose(claim, form["code"], 422, error=reply.say(_("The two passwords are not the same.")))
    try:
        await activations.activate(claim, form["password"])
    except PasswordRejected as error:
        return reply.choose(claim, form["code"], 422, error=reply.say(error.text, **error.values))
    return None


_REFUSED: Final = _(
    "This address and this code do not go together, or the code was used already, or is too old. Please check both as "
    "they stand in the letter. If it goes on, ask the school for a new letter."
)


class _Reply:
    """Pages in the language of who reads them."""

    def __init__(self, request: Request, language: Language) -> None:
        self._language = preferred(request.headers.get("accept-language", "")) or language
        self._translate: Callable[[str], str] = translator(self._language)

    def say(self, text: str, **values: object) -> str:
        return self._translate(text).format(**values)

    def ask(self, status: int = 200, address: str = "", *, error: str = "") -> Response:
        """The first step; what was typed as a code is not shown again."""
        return self._page(
            "activation.html",
            status,
            title=self.say(_("Activate your mailbox")),
            intro=self.say(_("Your address and your code stand in the letter from the school.")),
            error=error,
            address=address[:254],
            address_label=self.say(_("Address")),
            code_label=self.say(_("Activation code")),
            code_hint=self.say(_("12 letters and digits; capitals and hyphens do not matter")),
            button=self.say(_("Continue")),
        )

    def refuse(self, error: AccountsError, address: str) -> Response:
        """The first step again, with why."""
        if isinstance(error, TooManyAttempts):
            return self.ask(429, address, error=self.say(_("Too many attempts. Please try again in a few minutes.")))
        if isinstance(error, SignInUnavailable):
            return self.ask(503, address, error=self.say(_("This is not possible right now. Please try again later.")))
        return self.ask(422, address, error=self.say(_REFUSED))

    def choose(self, claim: Claim, code: str, status: int = 200, *, error: str = "") -> Response:
        """The second step."""
        return self._page(
            "activation_password.html",
            status,
            title=self.say(_("Choose your password")),
            error=error,
            address=claim.name,
            code=code,
            password_label=self.say(_("Password")),
            password_hint=self.say(
                _("At least {number} characters, without your name; a few words in a row are good"), number=MIN_LENGTH
            ),
            again_label=self.say(_("The same password again")),
            least=MIN_LENGTH,
            button=self.say(_("Set the password")),
        )

    def done(self, claim: Claim, site: Site, help_url: str) -> Response:
        """That it is done, and what to enter into a mail program."""
        return self._page(
            "activation_done.html",
            200,
            title=self.say(_("Your mailbox is open")),
            text=self.say(_("Enter this into your mail program:")),
            settings=settings_to_enter(site, claim.name, self._language),
            hints=list(hints(self._language)),
            over=self.say(_("The code is used up: the letter can be thrown away.")),
            help_url=help_url,
            help_text=self.say(_("More help")),
        )

    def _page(self, name: str, status: int, **values: object) -> Response:
        return page(name, self._language, status, facts=[], **values)
