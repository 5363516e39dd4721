"""Fleet + wanted + observed + lockfile -> Plan. Pure: no client, clock or environment."""

from fleethub.planning.fleet_status import fleet_status
from fleethub.planning.plan import make_plan
from fleethub.planning.sources import again, grounded, sources
from fleethub.planning.state import observed

__all__ = ["again", "fleet_status", "grounded", "make_plan", "observed", "sources"]
