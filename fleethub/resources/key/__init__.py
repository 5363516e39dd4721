"""LiteLLM keys: derived values, scope from the wiring, limits, ownership marks."""

from fleethub.resources.key.fallbacks import findings
from fleethub.resources.key.kind import KeyKind
from fleethub.resources.key.marks import mark_of, marks
from fleethub.resources.key.scope import proxy_source, scopes, wiring

__all__ = ["KeyKind", "findings", "mark_of", "marks", "proxy_source", "scopes", "wiring"]
