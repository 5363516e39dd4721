"""FleetHub: plan and apply for a self-hosted AI inference fleet."""

__version__ = "0.1.0"
