"""What is compared of a model alias on a proxy, and what is kept beside."""

from __future__ import annotations

from fleethub.kinds.values import ResourceState
from fleethub.model.attributes import STRICT
from fleethub.model.dataclass import dataclass
from fleethub.model.serving import Proxy


@dataclass(frozen=True, slots=True)
class DeploymentAttrs:
    """One deployment; ``num_ctx`` in tokens."""

    __pydantic_config__ = STRICT

    model: str
    api_base: str | None = None
    num_ctx: int | None = None


@dataclass(frozen=True, slots=True)
class RouteAttrs:
    """The deployments of an alias, in the order of their ``api_base``; seen are only those that carry our mark."""

    __pydantic_config__ = STRICT

    deployments: tuple[DeploymentAttrs, ...] = ()


@dataclass(frozen=True, slots=True)
class RouteMaterial:
    """``fleet`` is the identity that a mark bears."""

    proxy: Proxy
    fleet: str


@dataclass(frozen=True, slots=True)
class RouteTelemetry:
    """``theirs``: none of the alias's deployments is ours. ``ids`` of ours; ``marked``: fleet and shape of any's."""

    theirs: bool
    ids: tuple[str, ...] = ()
    marked: tuple[tuple[str, DeploymentAttrs], ...] = ()


RouteState = ResourceState[RouteAttrs, RouteMaterial, RouteTelemetry]
