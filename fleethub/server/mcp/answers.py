"""What the tools answer, where HTTP has no answer of that shape."""

from __future__ import annotations

from typing import Any

from fleethub.server.answers import Answered, FindingAnswer


class ProposalAnswer(Answered):
    """What became of an edit: ``waiting`` for a person under ``id``, ``refused`` with findings, ``nothing`` to do,
    ``approved`` or ``declined`` by a person who was ``asked`` through this client (or why nobody was), or ``applied``
    with what was done, where the policy lets agents.

    ``approve`` is the command for a person; until then nothing is written or applied. What is approved is in the spec,
    and the next apply carries it out.
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
    asked: str | None = None


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


class ReasonAnswer(Answered):
    """A statement; where the spec says it (``place``: file:line:column; ``origin``: what table it is of); and why."""

    says: str
    place: str | None
    origin: str | None
    because: list[ReasonAnswer]


class LoadAnswer(Answered):
    """What one model takes of a backend, in bytes, row by row."""

    model: str
    bytes: int | None
    rows: list[dict[str, Any]]


class FillAnswer(Answered):
    """What is planned on a backend against what it has, in bytes."""

    backend: str
    fit: str
    need: int | None
    total: int | None
    loads: list[LoadAnswer]


class WhyAnswer(Answered):
    """Why one thing is as it is: ``reasons`` as trees, who uses it as applied, the arithmetic of its backends, what a
    plan would do with it. ``unknown``: why it could not be looked at.
    """

    address: str
    reasons: list[ReasonAnswer]
    applied_users: list[str]
    capacity: list[FillAnswer]
    change: dict[str, Any] | None
    findings: list[FindingAnswer]
    unknown: str | None
