"""What the tools answer, where HTTP has no answer of that shape."""

from __future__ import annotations

from typing import Any

from fleethub.server.answers import Answered, FindingAnswer


class ProposalAnswer(Answered):
    """What became of an edit: ``waiting`` for a person under ``id``, ``refused`` with findings, ``nothing`` to do, or
    ``applied`` with what was done, where the policy lets agents.

    ``approve`` is the command for a person; until then nothing is written or applied.
    """

    state: str
    says: str
    id: str | None = None
    approve: str | None = None
    diff: list[str]
    plan: dict[str, Any] | None = None
    findings: list[FindingAnswer]
    owner: dict[str, Any] | None = None
    applied: dict[str, Any] | None = None


class ProposalsAnswer(Answered):
    """What waits for a person, the oldest first; of all agents."""

    proposals: list[dict[str, Any]]


class VerifyAnswer(Answered):
    """Whether each node can call each model of its chain with its own key, asked just now."""

    nodes: list[dict[str, Any]]
    findings: list[FindingAnswer]
    exit: int


class HistoryAnswer(Answered):
    """What was done, the latest first: applies, edits, proposals, who, and with what outcome."""

    lines: list[dict[str, Any]]


class WhyAnswer(Answered):
    """The reasons of one thing; see ``fleethub why --json``."""

    address: str
