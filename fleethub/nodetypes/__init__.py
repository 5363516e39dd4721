"""The types of node that FleetHub can render: one folder of code here, one folder of ``templates/`` each.

Pure: imports the standard library and ``fleethub.model``. ``rendering`` calls a type; a type never renders.
"""

from fleethub.nodetypes.interface import ROLES, NodeType, Role
from fleethub.nodetypes.openclaw.compose import removable, removal
from fleethub.nodetypes.openclaw.recognise import USUAL, recognise
from fleethub.nodetypes.registry import get, names

__all__ = ["ROLES", "USUAL", "NodeType", "Role", "get", "names", "recognise", "removable", "removal"]
