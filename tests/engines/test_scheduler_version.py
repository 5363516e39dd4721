"""Schedulers from /api/version; what cannot be told is unknown, and unknown is never kinder than a known one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.engines.ollama.admission import admit
from fleethub.engines.ollama.scheduler import SchedulerVersion, scheduler_of
from fleethub.model.capacity import WORSE
from tests.engines.support import load, server


@pytest.mark.parametrize(
    ("version", "scheduler"),
    [
        ("0.32.1", SchedulerVersion.CURRENT),
        ("v0.30.0-rc2", SchedulerVersion.CURRENT),
        ("0.30", SchedulerVersion.CURRENT),
        ("1.0.0", SchedulerVersion.CURRENT),
        ("0.24.9", SchedulerVersion.ENGINE),
        ("0.13.0", SchedulerVersion.ENGINE),
        ("0.12.11", SchedulerVersion.OLD),
        ("0.1.32", SchedulerVersion.OLD),
        ("0.27.0", SchedulerVersion.UNKNOWN),
        ("0.0.0", SchedulerVersion.UNKNOWN),
        ("", SchedulerVersion.UNKNOWN),
        (None, SchedulerVersion.UNKNOWN),
        ("main", SchedulerVersion.UNKNOWN),
        ("٠.٣٢.١", SchedulerVersion.UNKNOWN),
    ],
)
def test_the_era_of_a_version(version: str | None, scheduler: SchedulerVersion) -> None:
    assert scheduler_of(version) is scheduler


@given(st.lists(st.tuples(st.integers(1, 300), st.integers(1, 300)), min_size=1, max_size=4), st.integers(16, 80))
def test_an_unknown_era_is_judged_by_the_strictest_rules(sizes: list[tuple[int, int]], vram: int) -> None:
    loads = [load(f"m{n}", size / 10, known / 10) for n, (size, known) in enumerate(sizes)]
    careful = admit(server(vram, scheduler=SchedulerVersion.UNKNOWN, version="0.27.0"), loads)
    assert any("0.27.0" in note for note in careful.notes)
    for scheduler in (SchedulerVersion.CURRENT, SchedulerVersion.ENGINE):
        assert WORSE.index(careful.fit) >= WORSE.index(admit(server(vram, scheduler=scheduler), loads).fit)
