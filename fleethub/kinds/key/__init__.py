"""LiteLLM keys: derived values, scope from the wiring, limits, ownership marks."""

from fleethub.kinds.key.kind import KeyKind
from fleethub.kinds.key.marks import births, endings, floors, kept, mark_of, values_by_key
from fleethub.kinds.key.scope import route_need, scopes, wiring

__all__ = [
    "KeyKind",
    "births",
    "endings",
    "floors",
    "kept",
    "mark_of",
    "route_need",
    "scopes",
    "values_by_key",
    "wiring",
]
