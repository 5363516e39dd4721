"""The one base of what stops an operation and is not a bug: fit to be shown, with a code and an exit of its own.

A front end maps this base alone: the command line to its ``exit``, the HTTP API by its ``code``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleethub.model.exit import Exit

if TYPE_CHECKING:
    from fleethub.model.finding import Finding


class FleetHubError(Exception):
    """Why an operation cannot go on. ``code`` is for programs, ``hint`` says what to do; ``str`` is for people."""

    code = "cannot"
    exit = Exit.ERROR

    def __init__(self, message: str, *, code: str = "", hint: str = "") -> None:
        self.message, self.hint = message, hint
        self.code = code or type(self).code
        super().__init__(message)


class InputError(FleetHubError):
    """What was asked for cannot be done as it was put; the message says how to put it."""

    code = "input"


class SpecError(FleetHubError):
    """The spec, or what is rendered from it, is wrong: ``findings`` say where and what to do."""

    code = "spec.broken"

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        super().__init__(f"{len(findings)} findings")
