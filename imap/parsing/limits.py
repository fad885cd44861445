"""Limits of the grammar, beside those of lines and literals that the connection holds."""

from __future__ import annotations

from typing import Final

MAX_MAILBOX_NAME: Final = 4_096
"""Octets of a mailbox name or pattern; its normalisation may take quadratic time."""
MAX_RANGES: Final = 32_768
"""Ranges in one sequence set: more do not fit a line of 64 KiB."""
MAX_NESTING: Final = 100
"""Search keys within search keys: parentheses, NOT and OR."""
MAX_SEARCH_KEYS: Final = 1_000
MAX_SORT_CRITERIA: Final = 20
MAX_FETCH_ITEMS: Final = 100
MAX_HEADER_FIELDS: Final = 200
"""Names in one HEADER.FIELDS list."""
MAX_SECTION_DEPTH: Final = 100
"""Numbers in one section part, such as ``1.2.3``."""
MAX_FLAGS: Final = 100
"""Flags of one list; a mailbox holds 58 keywords at most."""
MAX_FLAG_LENGTH: Final = 255
MAX_IDENTIFIER: Final = 255
"""Characters of an identifier in an access control list."""
MAX_MOD_RIGHTS: Final = 64
MAX_OPTIONS: Final = 50
"""Options, parameters, STATUS items and capabilities of one list."""
MAX_PATTERNS: Final = 100
"""Patterns of one LIST."""
MAX_APPEND_MESSAGES: Final = 1_000
MAX_CATENATE_PARTS: Final = 1_000
"""Texts and URLs of one message."""
MAX_URL: Final = 8_192
"""Octets of a URL of CATENATE."""
MAX_ID_FIELDS: Final = 30
"""RFC 2971 section 3.3, as the next two."""
MAX_ID_NAME: Final = 30
MAX_ID_VALUE: Final = 1_024
MAX_ENTRIES: Final = 100
"""Annotations named in one command (RFC 5464)."""
MAX_ENTRY_NAME: Final = 255
MAX_FILTER_NAME: Final = 200
"""Characters of a named search (RFC 5466)."""
MAX_FILTER_NAMES: Final = 1_000
"""Mailboxes named in one filter of NOTIFY or ESEARCH."""
MAX_EVENT_GROUPS: Final = 100
"""Event groups of one NOTIFY."""
