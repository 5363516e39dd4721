"""One file per kind of managed thing. Pure: values in, values out.

A new kind is one file here and a line in ``KINDS``.
"""

from __future__ import annotations

from fleethub.resources.base import Kind
from fleethub.resources.key import KeyKind
from fleethub.resources.node import NodeKind
from fleethub.resources.route import RouteKind

KINDS: dict[str, Kind] = {kind.name: kind for kind in (RouteKind(), KeyKind(), NodeKind())}
