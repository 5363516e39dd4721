"""What the operator wrote: TOML with positions, checked, merged and resolved to ``model.fleet.Fleet``.

Reads the spec's own files and nothing else; imports pydantic, packaging and ``fleethub.model``.
"""

from fleethub.spec.load import Loaded, load
from fleethub.spec.schema import json_schema
from fleethub.spec.sources import Overlay

__all__ = ["Loaded", "Overlay", "json_schema", "load"]
