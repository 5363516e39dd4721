"""Fleet + wanted + observed + lockfile -> Plan. Pure: no client, clock or environment."""

from fleethub.planning.plan import make_plan, observed
from fleethub.planning.sources import grounded, sources
from fleethub.planning.survey import survey

__all__ = ["grounded", "make_plan", "observed", "sources", "survey"]
