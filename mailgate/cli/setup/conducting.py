"""The steps in their order: what is done is shown, what is not is asked for and done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer

from mailgate.cli.context import console, rehearse, run
from mailgate.cli.setup import deciding, importing, publishing
from mailgate.cli.setup.plan import Acting, ForGood, Outcome, Plan, Rehearsal, Status


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `look` gives what there is to tell where there is nothing to do; then neither `ask` nor `do` is called.

    `ask` puts questions to who sits there, and says whether to go on.
    """

    name: str
    title: str
    look: Callable[[Plan, Acting], Outcome | None]
    do: Callable[[Plan, Acting], Outcome] | None = None
    ask: Callable[[Plan], bool] | None = None
    needed: bool = False
    """Whether nothing goes on without it."""


@dataclass(frozen=True, slots=True)
class Told:
    """A step with what it came to."""

    step: Step
    outcome: Outcome


def conduct(plan: Plan, *, asks: bool, tell: Callable[[str], None]) -> list[Told]:
    """Do what is not done. Each step is done as a whole or, after an error, not at all; those before it stay.

    Raises what the steps raise.
    """
    if not plan.dry_run:
        return _steps(plan, ForGood(plan.settings), asks=asks, tell=tell)
    return run(rehearse(plan.settings, lambda connection: _steps(plan, Rehearsal(connection), asks=False, tell=tell)))


def _steps(plan: Plan, acting: Acting, *, asks: bool, tell: Callable[[str], None]) -> list[Told]:
    done: list[Told] = []
    for number, step in enumerate(STEPS, 1):
        tell(f"\n{number}/{len(STEPS)} {step.title}")
        outcome = _step(step, plan, acting, asks=asks)
        done.append(Told(step, outcome))
        tell(f"  [{'would be done' if plan.dry_run and outcome.status is Status.DONE else outcome.status}]")
        for line in outcome.said:
            tell(f"  {line}")
        if step.needed and outcome.status is Status.WAITS:
            break
    return done


def _step(step: Step, plan: Plan, acting: Acting, *, asks: bool) -> Outcome:
    found = step.look(plan, acting)
    if asks and step.ask and (found is None or found.status in (Status.WAITS, Status.SHOWN)):
        if not step.ask(plan):
            return found or Outcome(Status.WAITS, ["Left out; the same command goes on here."])
        found = step.look(plan, acting)
    if found is not None or step.do is None:
        return found or Outcome(Status.SHOWN, [])
    return step.do(plan, acting)


def _ask_domain(plan: Plan) -> bool:
    otherwise = plan.domain or plan.settings.directory.domains.get(plan.uai, "")
    plan.domain = _answer("Mail domain of the school (empty: made from its name)", otherwise).lower() or None
    return True


def _ask_source(plan: Plan) -> bool:
    """The report of a rehearsal comes before the question."""
    if plan.source is None and not importing.has_source(plan):
        plan.source = Path(_answer("Folder or archive of the directory"))
    for line in importing.rehearsed(plan).to_text().splitlines():
        console.print(f"  {line}")
    return typer.confirm("  Import this?", default=True)


def _ask_policy(plan: Plan) -> bool:
    language = plan.language or plan.settings.gateway.language
    plan.language = _answer("Language of refusals and letters (fr, en)", language)
    plan.contact = _answer("Whom letters tell people to ask (empty: the office)", plan.contact or "") or None
    return True


def _ask_administrators(plan: Plan) -> bool:
    said = _answer("Who manages the lists, by address (empty: nobody but the direction)")
    plan.administrators += [one.lower() for one in said.replace(",", " ").split()]
    return bool(plan.administrators)


def _ask_letters(plan: Plan) -> bool:
    if plan.letters is None and (said := _answer("Folder for the letters (empty: none now)")):
        plan.letters = Path(said)
    return plan.letters is not None


def _answer(question: str, otherwise: str = "") -> str:
    return str(typer.prompt(f"  {question}", default=otherwise, show_default=bool(otherwise))).strip()


STEPS: Final = (
    Step("settings", "Settings", deciding.look_at_settings),
    Step("domain", "Domain", importing.look_at_domain, importing.decide_domain, _ask_domain),
    Step("directory", "Directory", importing.look_at_directory, importing.import_, _ask_source, needed=True),
    Step("policy", "Policy", deciding.look_at_policy, deciding.decide_policy, _ask_policy),
    Step("lists", "Lists", deciding.look_at_lists),
    Step("administrators", "Administrators", deciding.look_at_administrators, deciding.make_administrators,
         _ask_administrators),
    Step("dkim", "Signatures", publishing.look_at_keys, publishing.make_keys),
    Step("dns", "DNS records to publish", publishing.look_at_records),
    Step("letters", "Letters", publishing.look_at_letters, publishing.write_letters, _ask_letters),
)  # fmt: skip
