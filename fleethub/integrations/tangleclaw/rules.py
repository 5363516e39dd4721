"""A startup rule that points to FleetHub: the one channel that reaches sessions of every engine, and governed projects.

TangleClaw shows such a rule as the operator's own word. So it is one static pointer, written on an operator's command
alone, and never rewritten with what a fleet's state is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from fleethub.integrations.tangleclaw import groups
from fleethub.integrations.tangleclaw import shared_document as kept
from fleethub.integrations.tangleclaw.access import Access, connected
from fleethub.integrations.tangleclaw.audience import Projects
from fleethub.integrations.tangleclaw.client import TangleClaw
from fleethub.integrations.tangleclaw.log import Log
from fleethub.integrations.tangleclaw.result import StepOutcome, StepResult, TangleClawReport

MARK = "FleetHub:"  # by which its rule is found again


def text(words: str) -> str:
    """The rule; ``words`` start FleetHub from anywhere, on this machine."""
    return (
        f"{MARK} this machine has a shared inference fleet. Before you use or change an inference endpoint, a model or "
        f"an API key of it, run `{words} context`: it tells what there is, what is wrong and what is this project's. "
        f"Ask `{words} capacity BACKEND MODEL` before wiring a model. Change the fleet by "
        f"`{words} assign NODE MODEL --project NAME --yes` alone, which edits its spec and applies nothing; never edit "
        "a node's files, keys or routes by hand."
    )


def install(root: Path, access: Access, projects: Sequence[str], words: str) -> TangleClawReport:
    """Give each project the rule; again changes nothing. Raises SharedDocumentError."""
    return _each(root, access, projects, text(words))


def uninstall(root: Path, access: Access, projects: Sequence[str]) -> TangleClawReport:
    """Take FleetHub's own rule from each project. Raises SharedDocumentError."""
    return _each(root, access, projects, None)


def _each(root: Path, access: Access, projects: Sequence[str], content: str | None) -> TangleClawReport:
    before = kept.read(root / ".fleethub")
    base = access.base or access.default or (before.base if before else access.local)
    log = Log(base, root)
    with connected(log, access, before) as client:
        if client is not None:
            known = Projects(client)
            for asked in projects:
                log.run(f"rule {asked}", partial(_step, client, asked, known, content))
    return log.report()


def _step(client: TangleClaw, asked: str, known: Projects, content: str | None) -> tuple[StepResult, bool]:
    step = f"rule {asked}"
    number = groups.project(step, asked, known)
    if isinstance(number, StepResult):
        return number, False
    ours = [rule for rule in client.rules(number) if rule.content.startswith(MARK)]
    if content is None:
        for rule in ours:
            client.remove_rule(rule.id)
        return StepResult(step, StepOutcome.UNREGISTERED, "" if ours else "there was none"), True
    if not ours:
        made = client.add_rule(number, content)
        waits = "" if made.status == "active" else f"{made.status}: it waits for the operator in TangleClaw's page"
        return StepResult(step, StepOutcome.REGISTERED, waits), True
    first, *more = ours
    for rule in more:
        client.remove_rule(rule.id)
    off = "" if first.enabled else "switched off in TangleClaw, and left so"
    if first.content == content:
        return StepResult(step, StepOutcome.ALREADY, off), True
    client.change_rule(first.id, content)
    return StepResult(step, StepOutcome.REGISTERED, off or "its words were of another version"), True
