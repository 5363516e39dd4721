"""Model routes of a LiteLLM."""

from fleethub.kinds.route.kind import RouteKind, findings

__all__ = ["RouteKind", "findings"]
