"""What a database may raise, whichever the engine.

DatabaseError
├── BadDatabaseUrl         the setting is wrong
├── DatabaseUnavailable    it cannot be reached, or cannot write, just now: temporary
└── ConstraintViolated     a unique, foreign key, check or not-null constraint refused a change
"""

from __future__ import annotations


class DatabaseError(Exception):
    """The root of this seam's errors; its text says what is wrong and, where known, how to mend it."""


class BadDatabaseUrl(DatabaseError):
    """The database URL cannot be used."""


class DatabaseUnavailable(DatabaseError):
    """The database cannot be reached, or cannot write, just now; nothing was committed unless it says so."""


class ConstraintViolated(DatabaseError):
    """A unique, foreign key, check or not-null constraint refused a change; the unit of work was rolled back."""
