"""TLS certificates: issue, load, reload, check."""

from certs.context import ServerTls, TlsUnusable
from certs.files import CertificateFiles
from certs.issue import ensure_demo
from certs.status import CertificateStatus, inspect

__all__ = ["CertificateFiles", "CertificateStatus", "ServerTls", "TlsUnusable", "ensure_demo", "inspect"]
