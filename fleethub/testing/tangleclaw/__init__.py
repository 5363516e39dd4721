"""A stand-in for a TangleClaw server: groups, shared documents, session rules, as v5.14.0 and later versions answer.

Written from what a real v5.14.0 answered and from what later versions' sources say (403 for who is not in a pane, and
for writes that are the operator's). Of ports, locks and connections there is what FleetHub asks for; routes that it
has no use for are not there.
"""

from fleethub.testing.tangleclaw.server import TangleClaw
from fleethub.testing.tangleclaw.state import Document, Group, Project, Rule

__all__ = ["Document", "Group", "Project", "Rule", "TangleClaw"]
