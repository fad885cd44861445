"""Which folder elsewhere becomes which mailbox here."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailgate.store.names import check_name
from mailgate.transfer.folders import SPECIAL_NAMES, SourceFolder, plan


def planned(*names: str, uses: dict[str, str] | None = None) -> dict[str, str]:
    sources = [SourceFolder(name, tuple(name.split("/")), (uses or {}).get(name)) for name in names]
    return {source.key: target for source, target in plan(sources)}


def test_attributes_come_before_names() -> None:
    uses = {"Corbeille bis": "\\Trash", "Courrier": "\\Sent"}
    assert planned("Inbox", "Trash", "Corbeille bis", "Courrier", "Sent Items", "Brouillons", uses=uses) == {
        "Inbox": "INBOX",
        "Trash": "Trash",
        "Corbeille bis": "Trash",
        "Courrier": "Sent",
        "Sent Items": "Sent Items",
        "Brouillons": "Drafts",
    }


def test_names_in_french_and_english() -> None:
    found = planned("E\u0301le\u0301ments envoyés", "SPAM", "Archives", "Deleted Items", "Draft", "Projets/Sent")
    assert set(found.values()) == {"Sent", "Junk", "Archive", "Trash", "Drafts", "Projets/Sent"}


def test_names_that_are_not_allowed_here() -> None:
    sources = [
        SourceFolder("a/b", ("a/b",)),
        SourceFolder("a_b", ("a_b",)),
        SourceFolder("deep", tuple("abcdefghijklmnopqrstuvwxyz")),
        SourceFolder("long", ("x" * 150, "y" * 150)),
        SourceFolder("inbox.x", ("inbox", "x")),
        SourceFolder("shared", ("Shared", "x")),
        SourceFolder("controls", ("a\x00b\nc",)),
    ]
    found = {source.key: target for source, target in plan(sources)}
    assert len(set(found.values())) == len(found)
    assert found["a/b"] == "a_b"
    assert found["inbox.x"] == "INBOX/x"
    assert found["shared"] == "Shared_/x"
    assert found["controls"] == "a_b_c"
    assert len(found["long"]) <= 200


@given(st.lists(st.lists(st.text(max_size=300), min_size=1, max_size=30).map(tuple), unique=True, max_size=8))
def test_every_folder_has_a_place_of_its_own(names: list[tuple[str, ...]]) -> None:
    sources = [SourceFolder(repr(levels), levels) for levels in names]
    targets = [target for _, target in plan(sources)]
    for target in targets:
        check_name(target)
    shared = [target for target in targets if targets.count(target) > 1]
    assert set(shared) <= {"INBOX", *SPECIAL_NAMES.values()}
    assert plan(sources) == plan(reversed(sources))
