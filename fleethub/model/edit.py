"""Edits of the spec: what somebody asks for, and what it would do. Values only.

An edit never applies anything: it changes the spec's files, and the next apply does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Literal

from fleethub.model.address import Address
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import FleetHubError
from fleethub.model.exit import Exit
from fleethub.model.finding import Finding, SourceLocation
from fleethub.model.plan import Plan

#: A field of a node by its name, ``labels.x`` and the like with a dot -> its TOML value; None takes it out.
Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Assign:
    """Make ``model`` the primary of a node's chain, through the model's proxy."""

    node: str
    model: str


@dataclass(frozen=True, slots=True)
class Release:
    """Take a node out of the spec, with its key's block where nobody else needs it. ``abandon_files``: its machine is
    gone for good, so what lies there is let go unseen.
    """

    node: str
    abandon_files: bool = False


@dataclass(frozen=True, slots=True)
class SetFields:
    """Write fields into a node's own block."""

    node: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class Register:
    """Add a node; one that is there gets the fields instead, so that registering twice is no conflict."""

    node: str
    fields: Fields


Edit = Assign | Release | SetFields | Register
ACTIONS = {Assign: "assign", Release: "release", SetFields: "set", Register: "register"}


@dataclass(frozen=True, slots=True)
class Located:
    """One of the files of a node that is taken in: ``role`` compose, env or openclaw, ``path`` below its target.

    ``state``: found, absent, other (something else than a file, or not what the role is) or unknown (it could not be
    looked at). ``says``: by what it was recognised, or why not; never anything of its content but names.
    """

    role: str
    path: str
    state: Literal["found", "absent", "other", "unknown"]
    says: str


class EditError(FleetHubError):
    """An edit that cannot be made. ``code``: unknown-node, unknown-key, bad-name, bad-field, bad-project or by-hand.

    ``place``: where in the spec to edit by hand. The message is fit to be shown.
    """

    def __init__(self, code: str, message: str, hint: str = "", place: SourceLocation | None = None) -> None:
        self.place = place
        super().__init__(message, code=code, hint=hint)

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.message}" + (f" ({self.hint})" if self.hint else "")


class SpecChanged(FleetHubError):
    """The spec is no longer the one that a proposal was made from; nothing was written."""

    code = "spec.changed"
    exit = Exit.STALE


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an edit would do. ``files``: new bytes by name below ``root`` (None: the file goes), the changed ones only.

    ``before`` and ``after`` are digests of the spec. ``findings`` refuse the edit (ownership, protection, a spec that
    would not hold together, errors of the fleet's own checks that it brings); ``conflicts`` are the capacity errors
    that it adds, with their arithmetic in ``detail``. ``overcommit`` is the policy that judged the conflicts. ``entry``
    is the whole entry of another owner, whether that refuses the edit or is overridden by ``force``; ``displaced`` that
    owner, where it is. ``plan`` is what would follow; None where the edit is refused before one. ``pending``: what an
    apply would change without the edit too.
    """

    action: str
    says: str
    address: Address
    project: str
    force: bool
    root: str
    main: str
    before: str
    after: str = ""
    overcommit: str = ""
    files: Mapping[str, bytes | None] = field(default_factory=dict, repr=False)
    diff: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    conflicts: tuple[Finding, ...] = ()
    entry: Mapping[str, Any] | None = None
    displaced: str = ""
    plan: Plan | None = None
    pending: tuple[Address, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether it may not be written: by a finding, a capacity conflict, or a plan that could not be made."""
        return bool(self.findings or self.conflicts or (self.plan is not None and self.plan.fatal))

    @property
    def owned(self) -> bool:
        """Whether it is refused because the entry is another project's (HTTP 409 OWNED)."""
        return any(f.code == "node.owned" for f in self.findings)

    @property
    def nothing(self) -> bool:
        """Whether the spec says so already."""
        return not self.files and not self.findings


@dataclass(frozen=True, slots=True)
class WaitingProposal:
    """A proposal that nobody decided on yet. ``at`` is ISO 8601 in UTC; ``plan`` the id of the plan that it was shown
    with, ``sentence`` that plan's, ``changes`` its addresses with what happens to each; ``diff`` of the spec's files;
    ``displaced`` the owner whom ``force`` overrides. Without an ``action`` it could not be read.
    """

    id: str
    at: str
    agent: str
    project: str
    says: str
    action: str
    node: str
    model: str = ""
    fields: Mapping[str, Any] | None = None
    force: bool = False
    plan: str = ""
    sentence: str = ""
    changes: Sequence[str] = ()
    diff: Sequence[str] = ()
    displaced: str = ""

    @property
    def edit(self) -> Edit:
        """What was asked for."""
        match self.action:
            case "assign":
                return Assign(self.node, self.model)
            case "release":
                return Release(self.node)
            case "set":
                return SetFields(self.node, self.fields or {})
        return Register(self.node, self.fields or {})


@dataclass(frozen=True, slots=True)
class WrittenEdit:
    """What changed: names below the fleet's folder (``removed``: those of them that are gone), the spec's digest now,
    the git commit (empty: none).
    """

    files: tuple[str, ...]
    digest: str
    removed: tuple[str, ...] = ()
    commit: str = ""
    notes: tuple[str, ...] = ()


class NotCommitted(FleetHubError):
    """The spec is edited, and git made no commit of it; ``written`` is what was written."""

    code = "spec.uncommitted"

    def __init__(self, written: WrittenEdit, reason: str) -> None:
        self.written = written
        super().__init__(
            f"the spec IS edited ({', '.join(written.files)}), but git made no commit: {reason}; "
            "commit it by hand, or take it back with git checkout"
        )
