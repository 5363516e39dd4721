"""What a load needs, and whether a backend can hold what is planned for it. Pure."""

from fleethub.capacity.admission import admit
from fleethub.capacity.assess import Assessment, assess, planned_sets
from fleethub.capacity.context import effective_context
from fleethub.capacity.placing import placed
from fleethub.capacity.server import Server, server_of

__all__ = ["Assessment", "Server", "admit", "assess", "effective_context", "placed", "planned_sets", "server_of"]
