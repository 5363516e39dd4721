"""What a load needs, and whether a backend can hold what is planned for it. Pure."""

from fleethub.capacity.admission import Assessment, assess, planned_sets
from fleethub.capacity.first import Estimate, estimate

__all__ = ["Assessment", "Estimate", "assess", "estimate", "planned_sets"]
