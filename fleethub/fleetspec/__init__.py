"""What the operator wrote: TOML with positions, checked, merged and resolved to ``model.fleet.Fleet``.

Reads the spec's own files and nothing else; imports pydantic, packaging and ``fleethub.model``.
"""

from fleethub.fleetspec.load import Loaded, load
from fleethub.fleetspec.schema import json_schema
from fleethub.fleetspec.sources import Overlay

__all__ = ["Loaded", "Overlay", "json_schema", "load"]
