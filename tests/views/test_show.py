"""What ``show`` says of one thing."""

from __future__ import annotations

from fleethub.kinds.node.attributes import NodeTelemetry
from fleethub.model.address import node
from fleethub.model.observation import Seen
from fleethub.views.show import show_data, show_text
from fleethub.views.style import Style


def test_modes_are_as_chmod_takes_them() -> None:
    seen = Seen(None, "2026-11-28T10:00:00+00:00", NodeTelemetry(modes={".env": 0o600, "compose.yaml": 0o644}))
    text = show_text(show_data(node("volta"), None, None, seen), None, Style(False))
    assert "modes .env 0600, modes compose.yaml 0644" in text
