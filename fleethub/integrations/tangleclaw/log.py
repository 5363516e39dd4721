"""The steps that are made at a TangleClaw, in order: each ends in a typed result, with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from fleethub.integrations.tangleclaw.client import TangleClawError
from fleethub.integrations.tangleclaw.documents import FILE, NAME
from fleethub.integrations.tangleclaw.result import StepOutcome, StepResult, TangleClawReport

T = TypeVar("T")


class Log:
    """Steps as they are made; after one that found nobody, none is tried."""

    def __init__(self, base: str, root: Path) -> None:
        self.base, self.root = base, root
        self.steps: list[StepResult] = []
        self.notes: list[str] = []

    def run(self, name: str, step: Callable[[], tuple[StepResult, T]]) -> T | None:
        """Make one step; None where it did not lead on."""
        if any(made.outcome is StepOutcome.UNREACHABLE for made in self.steps):
            self.skip(name)
            return None
        try:
            made, value = step()
        except TangleClawError as error:
            hint = _hint(error, self.root, self.base)
            self.steps.append(StepResult(name, error.outcome, str(error), error.code, hint))
            return None
        self.steps.append(made)
        return value

    def note(self, about: str, ask: Callable[[], Iterable[str]]) -> None:
        """What is worth no step; ``about``: what is not known where the answer does not come."""
        try:
            self.notes += ask()
        except TangleClawError as error:
            self.notes.append(f"{about} is not known: {error}")

    def skip(self, *names: str) -> None:
        """Steps that cannot be made without the one before."""
        self.steps += [StepResult(name, StepOutcome.SKIPPED) for name in names]

    def report(self) -> TangleClawReport:
        """All of it."""
        shut = {step.name for step in self.steps if step.outcome in (StepOutcome.BINDING_REQUIRED, StepOutcome.REFUSED)}
        closed = not shut.isdisjoint(("group", "document", "description"))
        drop = [_drop(self.root)] if closed else []
        return TangleClawReport(self.base, tuple(self.steps), (*self.notes, *drop))


def _hint(error: TangleClawError, root: Path, base: str) -> str:
    if error.code == "CERTIFICATE":
        return (
            f"name the certificate of {base}, or of the authority that made it, with --ca FILE; "
            'mkcert\'s is "$(mkcert -CAROOT)/rootCA.pem"'
        )
    if error.outcome is StepOutcome.UNREACHABLE:
        return f"is TangleClaw running at {base}? --api URL or TANGLECLAW_API names another place"
    if error.outcome is StepOutcome.AUTH_REQUIRED:
        return "its service-token gate is on: give the token by reference, --token env:NAME or file:PATH"
    if error.outcome is StepOutcome.BINDING_REQUIRED:
        return (
            "run this in a pane of a session that TangleClaw launched (TANGLECLAW_PROJECT_ID and "
            "TANGLECLAW_LAUNCH_ID are set there); or in TangleClaw's page open the group and set its shared "
            f"directory to {root}"
        )
    if error.code == "OPERATOR_ONLY":
        return f"only the operator may, in TangleClaw's page: open the group, then the shared document {NAME}"
    return ""


def _drop(root: Path) -> str:
    return (
        f"the file works without it: TangleClaw registers {FILE} by itself when a session of a member project starts, "
        f"where the group's shared directory is {root}"
    )
