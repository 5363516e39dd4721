"""Model aliases on LiteLLMs: checked, and stored where the spec says so."""

from fleethub.kinds.route.kind import RouteKind

__all__ = ["RouteKind"]
