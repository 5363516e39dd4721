"""Models that FleetHub installs on a server that takes them by name: pulled, proved, loaded after a swap."""

from fleethub.kinds.model.kind import ModelKind
from fleethub.kinds.model.wanted import model_needs

__all__ = ["ModelKind", "model_needs"]
