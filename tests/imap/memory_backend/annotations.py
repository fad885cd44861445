"""Annotations of mailboxes and of the server."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from imap.backend import SERVER, AnnotationChange, AnnotationChanges, MailboxRef
from imap.errors import TooManyAnnotations
from tests.imap.memory_backend.state import AccountState


class Annotations(AccountState):
    """Annotations (RFC 5464)."""

    def _annotations(self, where: MailboxRef) -> dict[str, bytes]:
        return self.annotations if where.mailbox_id == SERVER else self._box(where).annotations

    async def annotation_sizes(self, where: MailboxRef) -> Mapping[str, int]:
        return {entry: len(value) for entry, value in self._annotations(where).items()}

    async def annotation_values(
        self, wheres: Collection[MailboxRef], entries: Collection[str]
    ) -> Mapping[MailboxRef, Mapping[str, bytes]]:
        self._count("annotation_values")
        return {
            where: {entry: value for entry, value in self._annotations(where).items() if entry in entries}
            for where in wheres
        }

    async def annotate(self, where: MailboxRef, values: Mapping[str, bytes | None]) -> int:
        held = self._annotations(where)
        if len(held.keys() | {entry for entry, value in values.items() if value is not None}) > self.most_annotations:
            raise TooManyAnnotations("Too many annotations")
        self.revision += 1
        for entry, value in values.items():
            if value is not None:
                held[entry] = value
            elif held.pop(entry, None) is None:
                continue
            self._annotation_log.append(AnnotationChange(where.mailbox_id, entry, self.revision))
        self._tell(annotations=True)
        return self.revision

    async def annotation_changes(self, owner: int, since: int) -> AnnotationChanges:
        self._count("annotation_changes")
        return AnnotationChanges(self.revision, [change for change in self._annotation_log if change.revision > since])
