"""What is done to a model on a server."""

from __future__ import annotations

from typing import ClassVar

from fleethub.model.dataclass import dataclass
from fleethub.model.observation import Source


@dataclass(frozen=True, slots=True)
class ModelPull:
    """Have a server download a model. ``machine``: where its disk is asked first; None: nobody can be."""

    operation: ClassVar[str] = "model.pull"
    says: ClassVar[str] = "pull"

    source: Source
    tag: str
    machine: str | None


@dataclass(frozen=True, slots=True)
class ModelProve:
    """Ask the server whether it has the model, with this digest where the spec holds it to one."""

    operation: ClassVar[str] = "model.prove"
    says: ClassVar[str] = "prove"

    source: Source
    tag: str
    digest: str


@dataclass(frozen=True, slots=True)
class ModelWarm:
    """Have it loaded with its planned context, once those that call it were swapped to it."""

    operation: ClassVar[str] = "model.warm"
    says: ClassVar[str] = "load"

    source: Source
    tag: str
    context: int


@dataclass(frozen=True, slots=True)
class ModelDelete:
    """Unload it and remove it from the server's disk."""

    operation: ClassVar[str] = "model.delete"
    says: ClassVar[str] = "remove"

    source: Source
    tag: str
