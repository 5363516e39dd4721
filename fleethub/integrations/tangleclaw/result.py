"""What became of an attempt to tell a TangleClaw about the fleet, step by step."""

from __future__ import annotations

from enum import Enum

from fleethub.model.dataclass import dataclass
from fleethub.model.text import plural


class StepOutcome(Enum):
    """How a step ended. ``UNREGISTERED``: taken back, or (in a status) not there."""

    REGISTERED = "registered"
    ALREADY = "already"
    UNREGISTERED = "unregistered"
    MISSING = "missing"  # there is nothing to register yet
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    AUTH_REQUIRED = "auth-required"
    BINDING_REQUIRED = "binding-required"
    NOBODY = "nobody"  # it is done, and reaches no session
    SKIPPED = "skipped"  # not tried, because of the step before

    @property
    def fine(self) -> bool:
        """Whether nothing is left to do."""
        done = (StepOutcome.REGISTERED, StepOutcome.ALREADY, StepOutcome.UNREGISTERED, StepOutcome.NOBODY)
        return self in done


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step; ``code`` is TangleClaw's own, of a refusal; ``hint`` says what to do."""

    name: str
    outcome: StepOutcome
    detail: str = ""
    code: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class TangleClawReport:
    """All steps against one TangleClaw. ``base`` is its URL; ``notes`` are worth knowing and change no exit code."""

    base: str
    steps: tuple[StepResult, ...]
    notes: tuple[str, ...] = ()

    @property
    def fine(self) -> bool:
        """Whether every step ended well."""
        return all(step.outcome.fine for step in self.steps)


@dataclass(frozen=True, slots=True)
class Binding:
    """The pane that a command runs in, as newer TangleClaws want to know it."""

    project: str
    launch: str


@dataclass(frozen=True, slots=True)
class NotifyResult:
    """What became of telling live sessions that the document changed; None of both: nothing is registered."""

    outcome: StepOutcome | None
    detail: str = ""
    sessions: int = 0

    def note(self) -> str:
        """A line for people; empty where there is nothing to say."""
        if self.outcome is None:
            return ""
        if self.outcome is StepOutcome.REGISTERED:
            return f"TangleClaw was told; {plural(self.sessions, 'live session')} heard of it"
        return f"TangleClaw was not told ({self.outcome.value}: {self.detail}); sessions see the file when they start"
