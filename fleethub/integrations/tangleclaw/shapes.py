"""What TangleClaw answers, as far as anything of it is used; shapes are checked with pydantic.

Of a connection its gateway's token is told too: no shape has it, so it is dropped where the answer is read.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from fleethub.model.text import flat

Shown = Annotated[str, AfterValidator(flat)]
Id = Annotated[str, Field(min_length=1, max_length=200)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True, populate_by_name=True)


class Group(_Shape):
    """A project group; ``shared_dir`` is the directory whose documents its members see."""

    id: Id
    name: Shown
    shared_dir: str | None = Field(None, alias="sharedDir")


class Member(_Shape):
    """A project of a group; without a name it is no project any more. ``path``: its folder."""

    id: int
    name: Shown | None = None
    path: str | None = None


class Session(_Shape):
    """A project's session; ``active`` None: TangleClaw could not tell whether it still runs."""

    active: bool | None = None


class Project(_Shape):
    """A folder below the projects' folder; ``id`` None: TangleClaw has not registered it. ``session`` None: none."""

    id: int | None = None
    name: Shown
    path: str | None = None
    session: Session | None = None


class Lock(_Shape):
    """Who has a document locked, and until when. It is advice: nothing enforces it."""

    by: Shown = Field("", alias="lockedByProject")
    until: Shown = Field("", alias="expiresAt")


class Document(_Shape):
    """A shared document of a group; ``lock`` is only told of one that is asked for by its id."""

    id: Id
    group: str = Field(alias="groupId")
    name: Shown
    path: str = Field(alias="filePath")
    description: str | None = None
    lock: Lock | None = None


class Connection(_Shape):
    """An agent's gateway that TangleClaw reaches by SSH; ``folder`` on its host, where its files lie.

    ``port`` is its own, ``local`` that of the tunnel on TangleClaw's machine.
    """

    name: Shown
    host: Shown
    user: Shown = Field("", alias="sshUser")
    folder: Shown = Field("", alias="instanceDir")
    port: int | None = None
    local: int | None = Field(None, alias="localPort")

    @field_validator("user", "folder", mode="before")
    @classmethod
    def _none(cls, value: object) -> object:
        return "" if value is None else value


class PortLease(_Shape):
    """A port that a project has at PortHub."""

    host: Shown
    port: int | str  # it takes any
    project: Shown
    service: Shown = ""
    status: str = "active"

    @property
    def live(self) -> bool:
        """Whether it keeps others out."""
        return self.status != "expired"


class LeasesAnswer(_Shape):
    leases: list[PortLease]


class ConnectionsAnswer(_Shape):
    connections: list[Connection]


class GroupsAnswer(_Shape):
    groups: list[Group]


class DocumentsAnswer(_Shape):
    docs: list[Document]


class Rule(_Shape):
    """A rule that a project's sessions get at their start, whichever engine they run. ``proposed``: not yet theirs."""

    id: int
    content: str
    enabled: bool = True
    status: str = "active"


class RulesAnswer(_Shape):
    rules: list[Rule]


class MembersAnswer(_Shape):
    members: list[Member]


class ProjectsAnswer(_Shape):
    projects: list[Project]


class Notified(_Shape):
    count: int = Field(0, alias="notifiedCount")
