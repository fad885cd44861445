"""What the server says it can do (RFC 9051 section 7.2.2): less before sign-in, and no sign-in before TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from imap.rights import NEW_RIGHTS

if TYPE_CHECKING:
    from imap.session import Session

_ALWAYS: Final = ("IMAP4rev2", "IMAP4rev1", "SASL-IR", "LITERAL+", "ID", "ENABLE")
_SIGNED_IN: Final = (
    "NAMESPACE",
    "IDLE",
    "UIDPLUS",
    "MOVE",
    "UNSELECT",
    "CHILDREN",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "STATUS=SIZE",
    "ESEARCH",
    "SEARCHRES",
    "CONDSTORE",
    "QRESYNC",
    "MULTIAPPEND",
    "CATENATE",
    "URL-PARTIAL",
    "REPLACE",
    "OBJECTID",
    "SAVEDATE",
    "PREVIEW",
    "BINARY",
    "UTF8=ACCEPT",
    "QUOTA",
    "QUOTA=RES-STORAGE",
    "ACL",
    f"RIGHTS={NEW_RIGHTS}",
    "LIST-MYRIGHTS",
    "INPROGRESS",
    "PARTIAL",
    "SORT",
    "SORT=DISPLAY",
    "ESORT",
    "CONTEXT=SEARCH",
    "CONTEXT=SORT",
    "THREAD=ORDEREDSUBJECT",
    "THREAD=REFERENCES",
    "WITHIN",
    "SEARCH=FUZZY",
    "I18NLEVEL=1",
    "METADATA",
    "LIST-METADATA",
    "NOTIFY",
    "FILTERS",
    "MULTISEARCH",
)


def capabilities(session: Session) -> list[str]:
    """The capabilities of a session as it stands."""
    always = _ALWAYS if session.context.catalogue is None else (*_ALWAYS, "LANGUAGE")
    if session.signed_in:
        features = session.context.features
        optional = (("COMPRESS=DEFLATE", features.compress), ("UNAUTHENTICATE", features.unauthenticate))
        limit = f"APPENDLIMIT={session.connection.reader.message_limit}"
        uidonly = [] if session.is_outlook else ["UIDONLY"]
        return [*always, *_SIGNED_IN, *uidonly, *(name for name, on in optional if on), limit]
    if session.connection.peer.tls:
        return [*always, *(f"AUTH={name}" for name in session.context.backend.mechanisms())]
    starttls = ["STARTTLS"] if session.context.ssl_context is not None else []
    return [*always, *starttls, "LOGINDISABLED"]
