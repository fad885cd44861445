"""The people of ten schools as directory records: 6,000 pupils, 10,400 guardians, 921 staff, always the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from directory.model import (
    ClassRecord,
    Function,
    GroupRecord,
    Link,
    Mef,
    Place,
    Pupil,
    Record,
    Relative,
    School,
    Service,
    Staff,
)

SCHOOLS: Final = 10
CLASSES: Final = 24
PUPILS_OF_A_CLASS: Final = 25
FAMILIES: Final = 520
"""Of a school: of its 600 pupils, 80 have a brother or sister there."""
GROUPS: Final = 12
TEACHERS: Final = 81
PEOPLE: Final = 17_321
_MEF: Final = Mef("10010012110", "6EME", "21110010012")
_TEACHERS_OF_A_CLASS: Final = 12
_CONSONANTS: Final = "bcdfglmnprstv"
_VOWELS: Final = "aeiou"
_OTHERS: Final = ("DIR", *["EDU"] * 4, *["ADF"] * 6)


def school_people() -> Iterator[Record]:
    """All records; two schools next to each other make a cité scolaire."""
    yield _MEF
    for number in range(SCHOOLS):
        key = f"{number + 1}"
        parent = f"{number}" if number % 2 else ""
        yield School(key, f"013{number:04}T", "", "COLLEGE", f"NUMERO {number + 1}", parent)
        yield from _places(key)
        yield from _families(key, number * 100_000)
        yield from _staff(key, number * 100_000 + 50_000)
    yield Staff("999999", "Principale", "Anne", "", functions=(Function("1", "DIR"),))


def _name(number: int) -> str:
    """A surname of its own for each number: an address keeps no digits of a name."""
    syllables = ""
    while number or not syllables:
        number, rest = divmod(number, len(_CONSONANTS) * len(_VOWELS))
        syllables += _CONSONANTS[rest // len(_VOWELS)] + _VOWELS[rest % len(_VOWELS)]
    return syllables.capitalize()


def _class(number: int) -> str:
    return f"{6 - number % 4}{chr(ord('A') + number // 4)}"


def _places(key: str) -> Iterator[Record]:
    for number in range(CLASSES):
        yield ClassRecord(key, _class(number), mefs=(_MEF.code,))
    for number in range(GROUPS):
        yield GroupRecord(key, f"G{number}", classes=(_class(2 * number), _class(2 * number + 1)))


def _families(key: str, first: int) -> Iterator[Record]:
    for family in range(FAMILIES):
        for parent in range(2):
            number = str(first + 2 * family + parent)
            yield Relative(number, number, _name(first + 2 * family), ("Camille", "Sacha")[parent], "")
    for pupil in range(CLASSES * PUPILS_OF_A_CLASS):
        family, in_class = pupil % FAMILIES, pupil // PUPILS_OF_A_CLASS
        links = tuple(Link(str(first + 2 * family + parent), 10 * (parent + 1), 1) for parent in range(2))
        group = (Place(key, f"G{in_class // 2}"),) if pupil % 2 else ()
        classes = (Place(key, _class(in_class)),)
        yield Pupil(
            str(first + 20_000 + pupil),
            _name(first + 20_000 + pupil),
            "Lou",
            "",
            key,
            _MEF.code,
            "",
            classes,
            group,
            links,
        )


def _staff(key: str, first: int) -> Iterator[Record]:
    for number in range(TEACHERS):
        taught = [one for one in range(CLASSES) if (number - one) % TEACHERS in range(0, 7 * _TEACHERS_OF_A_CLASS, 7)]
        yield Staff(
            str(first + number),
            _name(first + number),
            "Claude",
            "",
            functions=(Function(key, "ENS", "L0202", "LETTRES MODERNES"),),
            classes=tuple(Service(Place(key, _class(one)), "020700") for one in taught),
            groups=(Service(Place(key, f"G{number % GROUPS}"), "030201"),),
            head_of=(Place(key, _class(number)),) if number < CLASSES else (),
            before_pupils=True,
        )
    for number, code in enumerate(_OTHERS):
        yield Staff(str(first + 1_000 + number), _name(first + 1_000 + number), "Dominique", "", (Function(key, code),))
