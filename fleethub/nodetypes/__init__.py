"""The types of node that FleetHub can render: one folder of code here, one folder of ``templates/`` each.

Pure: imports the standard library, pydantic and ``fleethub.model``. ``rendering`` calls a type; a type never renders.
"""

from fleethub.nodetypes.compose import removable, removal
from fleethub.nodetypes.interface import FileType, Format, NodeType, SpecTable, paths
from fleethub.nodetypes.registry import DEFAULT, clients, files, get, names, of, tables, writable

__all__ = [
    "DEFAULT",
    "FileType",
    "Format",
    "NodeType",
    "SpecTable",
    "clients",
    "files",
    "get",
    "names",
    "of",
    "paths",
    "removable",
    "removal",
    "tables",
    "writable",
]
