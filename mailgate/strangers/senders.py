"""Whether the domain of a reverse path takes mail: nobody could be told of what became of the message otherwise."""

from __future__ import annotations

from smtp.client.answers import SendingError
from smtp.client.exchangers import addresses, exchangers
from smtp.handler import SmtpError
from smtp.resolver import Resolver


async def check_domain(resolver: Resolver, reverse_path: str) -> None:
    """Refuse one whose domain has no server, or says that it takes no mail (RFC 7505 section 4.2); for now, one of
    which no name server knows. The null reverse path and address literals pass.
    """
    domain = reverse_path.rpartition("@")[2]
    if not domain or domain.startswith("["):
        return
    try:
        found = await exchangers(resolver, domain)
        if not any(one.implicit for one in found) or await addresses(resolver, domain):
            return
    except SendingError as error:
        if error.answer.temporary:
            raise SmtpError(451, "4.4.3", "No name server answers for the domain of the reverse path") from None
        if error.answer.status == "5.1.10":
            raise SmtpError(550, "5.7.27", "The domain of the reverse path takes no mail") from None
    raise SmtpError(550, "5.1.8", "The domain of the reverse path has no mail server")
