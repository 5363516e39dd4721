"""What is done to a model alias on a proxy."""

from __future__ import annotations

from typing import ClassVar

from fleethub.kinds.route.attributes import DeploymentAttrs
from fleethub.model.dataclass import dataclass
from fleethub.model.observation import Source


@dataclass(frozen=True, slots=True)
class RoutePut:
    """Store deployments of an alias on a proxy that keeps models in its database."""

    operation: ClassVar[str] = "route.put"
    says: ClassVar[str] = "store route"

    source: Source
    alias: str
    deployments: tuple[DeploymentAttrs, ...]
    remove: tuple[str, ...] = ()  # ids of stored deployments that go once the new ones are there


@dataclass(frozen=True, slots=True)
class ProveRoute:
    """Ask every endpoint as the master until it lists the alias."""

    operation: ClassVar[str] = "route.prove"
    says: ClassVar[str] = "prove route"

    source: Source
    endpoints: tuple[str, ...]
    alias: str
    timeout: float


@dataclass(frozen=True, slots=True)
class RouteDelete:
    """Remove the stored deployments of an alias."""

    operation: ClassVar[str] = "route.delete"
    says: ClassVar[str] = "remove route"

    source: Source
    alias: str
    ids: tuple[str, ...]
