"""LiteLLM keys: derived values, scope from the wiring, limits, ownership marks."""

from fleethub.resources.key.attributes import beside
from fleethub.resources.key.fallbacks import findings
from fleethub.resources.key.kind import KeyKind
from fleethub.resources.key.marks import floors, mark_of, marks
from fleethub.resources.key.scope import proxy_source, scopes, wiring

__all__ = ["KeyKind", "beside", "findings", "floors", "mark_of", "marks", "proxy_source", "scopes", "wiring"]
