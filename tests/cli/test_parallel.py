"""``--parallel`` bounds what is read, and what is delivered to, at a time."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from fleethub.clients.host import Target
from tests.fleets import direct, fleet
from tests.support import Place

DEFAULTS = {"type": "openclaw-native", "image": None, "model": direct("one")}
NODES = 8


class Watch:
    """How many targets were worked at the same time at most; each waits until ``full`` of them are, or a moment."""

    def __init__(self) -> None:
        self.now, self.most, self.full = 0, 0, 0
        self.changed = threading.Condition()

    def run(self, original: Any, args: Any, kwargs: Any) -> Any:
        with self.changed:
            self.now += 1
            self.most = max(self.most, self.now)
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.most >= self.full, 0.3 if self.full > NODES else 20)
        try:
            return original(*args, **kwargs)
        finally:
            with self.changed:
                self.now -= 1

    def most_of(self, full: int) -> None:
        self.most, self.full = 0, full


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    found = Watch()
    for name in ("read", "deliver"):
        original = getattr(Target, name)
        monkeypatch.setattr(Target, name, lambda *args, original=original: found.run(original, args, {}))
    return found


def test_reads_and_deliveries_at_a_time(tmp_path: Path, watch: Watch) -> None:
    spec = fleet(None, ollama="http://127.0.0.1:9").model("one", vram="1 GiB").table("defaults.node", **DEFAULTS)
    for number in range(NODES):
        spec = spec.node(f"n{number}")
    place = Place(tmp_path / "fleet", spec.text)
    watch.most_of(NODES)
    place.run("plan", code=0)
    assert watch.most == NODES  # as many as there are
    for parallel in (1, 3):
        watch.most_of(NODES + 1)  # more than come
        place.run("plan", "--parallel", str(parallel), code=0)
        assert watch.most <= parallel
    watch.most_of(NODES + 1)
    place.run("apply", "--auto-approve", "--parallel", "2", code=0)
    assert watch.most <= 2
    place.plan_is_empty()
    place.run("plan", "--parallel", "0")
    assert place.code not in (0, 70)
