"""Stand-ins that speak the real protocols over real sockets, for the demo and the tests.

They ship with FleetHub. They import no other room, so that a stand-in cannot agree with FleetHub's own
mistakes, and are never kinder than the real system: what that does wrong, these do wrong in the same way.
"""
