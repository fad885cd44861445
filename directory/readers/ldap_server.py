"""An LDAP directory, read whole, in pages, without writing.

The connection is LDAPS or StartTLS, with the server's certificate verified (RFC 4513 section 3). Results come in pages
(RFC 2696), since most servers give 500 to 1,000 entries to a search. Absence is deletion, so whatever keeps the reader
from having everything (a lost connection, a limit, a referral to another server) is an error of the whole read.
"""

from __future__ import annotations

import re
import ssl
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from typing import Any, Final
from urllib.parse import urlsplit

from directory.model import DirectoryError
from directory.readers.ldap_entry import Entry
from directory.readers.ldap_tree import LdapSettings

with warnings.catch_warnings():
    # ldap3 2.9.1 asks pyasn1 for names that are deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    import ldap3
    from ldap3.core.exceptions import (
        LDAPCommunicationError,
        LDAPException,
        LDAPInvalidCredentialsResult,
        LDAPNoSuchObjectResult,
        LDAPOperationResult,
        LDAPSizeLimitExceededResult,
        LDAPSocketOpenError,
        LDAPStartTLSError,
        LDAPTimeLimitExceededResult,
    )
    from ldap3.core.results import RESULT_SIZE_LIMIT_EXCEEDED, RESULT_SUCCESS

MAX_ENTRIES: Final = 3_000_000
"""Two and a half times the largest academy."""

_REFUSED: Final = re.compile(r"certificate verify failed: (.*?)\.? \(_ssl")
_HANDSHAKE: Final = "ssl wrapping error"
_PAGED_RESULTS: Final = "1.2.840.113556.1.4.319"
_PORTS: Final = {"ldaps": 636, "ldap": 389}


@contextmanager
def opened(settings: LdapSettings) -> Iterator[LdapTree]:
    """The tree of a server, as long as the connection lasts. Raises DirectoryError."""
    with _explained(settings), _connected(settings) as connection:
        yield LdapTree(settings, connection)


class LdapTree:
    """The tree of a server."""

    def __init__(self, settings: LdapSettings, connection: ldap3.Connection) -> None:
        self.source = settings.url
        self.connection = connection
        self._base = settings.base
        self._page_size = settings.page_size

    def search(self, branch: str, classes: Sequence[str], attributes: Sequence[str], also: str = "") -> Iterator[Entry]:
        """As `Tree` says; `also` is a filter that entries meet as well."""
        query = self.query(classes, also)
        return _search(self.connection, self.dn(branch), query, attributes, self._page_size)

    def dn(self, branch: str) -> str:
        """The DN of a branch."""
        return f"{branch},{self._base}"

    def query(self, classes: Sequence[str], also: str = "") -> str:
        """The filter of entries of any of the object classes."""
        wanted = "".join(f"(objectClass={name})" for name in classes)
        any_of = wanted if len(classes) == 1 else f"(|{wanted})"
        return f"(&{any_of}{also})" if also else any_of

    def one(self, dn: str, attributes: Sequence[str]) -> Entry | None:
        """One entry, or None when it is gone."""
        try:
            self.connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=attributes)
        except LDAPNoSuchObjectResult:
            return None
        found = [each for each in self.connection.response or () if each["type"] == "searchResEntry"]
        return Entry(found[0]["dn"], found[0]["raw_attributes"]) if found else None


class _VerifiedTls(ldap3.Tls):
    """TLS by the standard library's own context: ldap3's way leaves out IP addresses and needs what Python dropped."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = context

    def wrap_socket(self, connection: ldap3.Connection, do_handshake: bool = False) -> None:  # noqa: FBT001, FBT002 - ldap3's
        host = connection.server.host
        connection.socket = self._context.wrap_socket(
            connection.socket, server_hostname=host, do_handshake_on_connect=do_handshake
        )


@contextmanager
def _connected(settings: LdapSettings) -> Iterator[ldap3.Connection]:
    """A bound connection that only reads and follows no referral."""
    secure, host, port = _address(settings.url)
    if settings.bind_dn and not settings.bind_password:
        raise DirectoryError(settings.url, None, "there is no password for the bind DN: set bind_password")
    try:
        context = ssl.create_default_context(cafile=None if settings.ca is None else str(settings.ca))
    except OSError as error:
        raise DirectoryError(settings.url, None, f"the authorities in {settings.ca} cannot be read: {error}") from error
    server = ldap3.Server(
        host,
        port,
        use_ssl=secure,
        tls=_VerifiedTls(context),
        get_info=ldap3.NONE,
        connect_timeout=settings.connect_timeout,
    )
    connection = ldap3.Connection(
        server,
        user=settings.bind_dn or None,
        password=settings.bind_password or None,
        client_strategy=ldap3.SYNC,
        read_only=True,
        auto_referrals=False,
        raise_exceptions=True,
        check_names=False,
        return_empty_attributes=False,
        receive_timeout=settings.receive_timeout,
    )
    try:
        connection.open(read_server_info=False)
        if not secure:
            _start_tls(connection, settings)
        with closing(connection.socket):
            connection.bind(read_server_info=False)
            yield connection
    finally:
        # ldap3 closes neither a socket that found nobody nor one whose server went away.
        with closing(connection.socket) if connection.socket is not None else nullcontext(), _silenced():
            connection.unbind()


def _start_tls(connection: ldap3.Connection, settings: LdapSettings) -> None:
    try:
        connection.start_tls(read_server_info=False)
    except LDAPOperationResult as error:
        text = f"the server offers no StartTLS: give it a certificate, or write ldaps:// ({error.message})"
        raise DirectoryError(settings.url, None, text) from error


def _address(url: str) -> tuple[bool, str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise DirectoryError(url, None, f"not an LDAP address: {error}") from error
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
        raise DirectoryError(url, None, "not an LDAP address: write ldaps://host or ldap://host")
    return parts.scheme == "ldaps", parts.hostname, port or _PORTS[parts.scheme]


def _search(
    connection: ldap3.Connection, base: str, query: str, attributes: Sequence[str], page_size: int
) -> Iterator[Entry]:
    """All entries of a subtree, page by page. Raises DirectoryError, LDAPException."""
    cookie: bytes | None = None
    count = 0
    while True:
        try:
            connection.search(
                base,
                query,
                ldap3.SUBTREE,
                attributes=attributes,
                paged_size=page_size,
                paged_cookie=cookie,
            )
        except LDAPNoSuchObjectResult as error:
            raise DirectoryError(base, None, "the server has no such branch: check the base and its name") from error
        result: dict[str, Any] = connection.result
        # ldap3 raises no exception for these two when a page came with them.
        if result["result"] == RESULT_SIZE_LIMIT_EXCEEDED:
            raise LDAPSizeLimitExceededResult
        if result["result"] != RESULT_SUCCESS:
            raise DirectoryError(base, None, f"the server answers {result['description']}, not all entries")
        for found in connection.response or ():
            if found["type"] != "searchResEntry":
                raise DirectoryError(base, None, "a part of the tree is on another server (referral): read it there")
            yield Entry(found["dn"], found["raw_attributes"])
            count += 1
        if count > MAX_ENTRIES:
            raise DirectoryError(base, None, f"more than {MAX_ENTRIES} entries")
        cookie = result.get("controls", {}).get(_PAGED_RESULTS, {}).get("value", {}).get("cookie")
        if not cookie:
            return


@contextmanager
def _explained(settings: LdapSettings) -> Iterator[None]:
    """What went wrong, in words for who runs the import."""
    try:
        yield
    except LDAPInvalidCredentialsResult as error:
        raise DirectoryError(settings.url, None, "the server refuses the bind DN or its password") from error
    except (LDAPSocketOpenError, LDAPStartTLSError) as error:
        raise DirectoryError(settings.url, None, _why_no_connection(str(error), settings)) from error
    except LDAPSizeLimitExceededResult as error:
        text = (
            "the server gives only a part of its entries: ask for the size limit of the reader to be lifted "
            "(OpenLDAP: limits … size=unlimited)"
        )
        raise DirectoryError(settings.url, None, text) from error
    except LDAPTimeLimitExceededResult as error:
        raise DirectoryError(settings.url, None, "the server's time limit ended the search") from error
    except LDAPOperationResult as error:
        raise DirectoryError(settings.url, None, f"the server answers {error.description}: {error.message}") from error
    except LDAPCommunicationError as error:
        text = f"the connection was lost before everything was read, nothing is imported: {error}"
        raise DirectoryError(settings.url, None, text) from error
    except (LDAPException, OSError) as error:
        raise DirectoryError(settings.url, None, f"the directory cannot be read: {error}") from error


def _why_no_connection(text: str, settings: LdapSettings) -> str:
    refused = _REFUSED.search(text)
    if refused is None:
        if _HANDSHAKE in text:
            return f"the server does not speak TLS on this port, is it one for ldap:// and StartTLS? ({text})"
        return f"no connection: {text}"
    why = refused[1].replace("\\", "")
    if "mismatch" in why:
        return f"the server's certificate is not for the host name {urlsplit(settings.url).hostname}: {why}"
    trusted = "the system's authorities" if settings.ca is None else f"the authorities in {settings.ca}"
    return f"the server's certificate is not trusted, none of {trusted} stands for it: {why}"


@contextmanager
def _silenced() -> Iterator[None]:
    try:
        yield
    except (LDAPException, OSError):
        return
