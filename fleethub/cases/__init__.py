"""Cases of ``fleethub test``: a change of the spec, and the plan that must come of it."""
