"""How long who has left goes on reading, and for how long their mail is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from mailgate.config.values import Section

Days = Annotated[int, Meta(ge=0, le=3_650)]


class Leavers(Section, frozen=True):
    """What holds for one kind of people; `new_mail`: whether mail to them comes in while they still read."""

    reading_days: Days = 60
    new_mail: bool = False
    kept_days: Days = 365


class StaffLeavers(Leavers, frozen=True):
    new_mail: bool = True
    kept_days: Days = 730


class Retention(Section, frozen=True):
    pupils: Leavers = Leavers()
    relatives: Leavers = Leavers()
    staff: StaffLeavers = StaffLeavers()
    archive: Literal["none", "maildir", "mbox"] = "none"
    archive_folder: Path = Path("/var/lib/mailgate/archives")
    purge: bool = True

    def of(self, profile: str) -> Leavers:
        """What holds for people of this profile."""
        return {"pupil": self.pupils, "relative": self.relatives}.get(profile, self.staff)
