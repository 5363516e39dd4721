"""What is compared of a model on a server, and what is kept beside."""

from __future__ import annotations

from fleethub.kinds.values import ResourceState
from fleethub.model.attributes import STRICT
from fleethub.model.dataclass import dataclass
from fleethub.model.serving import Backend


@dataclass(frozen=True, slots=True)
class ModelAttrs:
    """``digest``: the one that the spec holds it to, as it writes it; empty: whichever was there to be pulled.

    ``pulled``: FleetHub had it downloaded; else it was there, and is never removed.
    """

    __pydantic_config__ = STRICT

    digest: str = ""
    pulled: bool = True


@dataclass(frozen=True, slots=True)
class ModelMaterial:
    """``tag`` is its name on the server, ``aliases`` those of the spec that mean it. ``context`` in tokens, where it is
    to be loaded after a swap; None: it is not.
    """

    backend: Backend
    tag: str
    aliases: frozenset[str]
    size: int | None
    context: int | None


@dataclass(frozen=True, slots=True)
class ModelTelemetry:
    """``digest``, ``size`` (bytes) and ``modified`` (a moment) as the server tells them. ``named``: who else calls it,
    or may, in words.
    """

    digest: str
    size: int
    named: tuple[str, ...] = ()
    modified: str = ""


ModelState = ResourceState[ModelAttrs, ModelMaterial, ModelTelemetry]
