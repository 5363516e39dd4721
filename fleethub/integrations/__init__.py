"""Programs beside FleetHub that it tells about the fleet, each in its own folder."""
