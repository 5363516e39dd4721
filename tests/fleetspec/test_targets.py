"""Places of targets, compared as text."""

from __future__ import annotations

from fleethub.fleetspec.targets import above, place_of


def test_the_folders_that_a_target_lies_in_come_in_their_order() -> None:
    """Whose folder a target lies in is said of the outermost, in each run the same."""
    assert above("run/a/b") == ("run", "run/a")
    assert above(place_of("ssh://ops@Host:22/srv/a/b"))[-2:] == ("ssh://host:22/srv", "ssh://host:22/srv/a")
