"""One file per kind of managed thing. Pure: values in, values out.

A new kind is one file here and a line in ``KINDS``.
"""

from __future__ import annotations

from fleethub.kinds.interface import Kind
from fleethub.kinds.key import KeyKind
from fleethub.kinds.node import NodeKind
from fleethub.kinds.route import RouteKind

KINDS: dict[str, Kind] = {kind.name: kind for kind in (RouteKind(), KeyKind(), NodeKind())}
