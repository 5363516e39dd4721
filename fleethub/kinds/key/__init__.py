"""LiteLLM keys: derived values, scope from the wiring, limits, ownership marks."""

from fleethub.kinds.key.attributes import beside
from fleethub.kinds.key.fallbacks import findings
from fleethub.kinds.key.kind import KeyKind
from fleethub.kinds.key.marks import floors, mark_of, marks
from fleethub.kinds.key.scope import proxy_source, scopes, wiring

__all__ = ["KeyKind", "beside", "findings", "floors", "mark_of", "marks", "proxy_source", "scopes", "wiring"]
