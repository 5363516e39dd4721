"""Eras from /api/version; what cannot be told is unknown, and unknown is never kinder than any known era."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.capacity.admission import WORSE, admit
from fleethub.capacity.era import Era, era_of
from tests.capacity.support import load, server


@pytest.mark.parametrize(
    ("version", "era"),
    [
        ("0.32.1", Era.CURRENT),
        ("v0.30.0-rc2", Era.CURRENT),
        ("0.30", Era.CURRENT),
        ("1.0.0", Era.CURRENT),
        ("0.24.9", Era.ENGINE),
        ("0.13.0", Era.ENGINE),
        ("0.12.11", Era.OLD),
        ("0.1.32", Era.OLD),
        ("0.27.0", Era.UNKNOWN),
        ("0.0.0", Era.UNKNOWN),
        ("", Era.UNKNOWN),
        (None, Era.UNKNOWN),
        ("main", Era.UNKNOWN),
        ("٠.٣٢.١", Era.UNKNOWN),
    ],
)
def test_the_era_of_a_version(version: str | None, era: Era) -> None:
    assert era_of(version) is era


@given(st.lists(st.tuples(st.integers(1, 300), st.integers(1, 300)), min_size=1, max_size=4), st.integers(16, 80))
def test_an_unknown_era_is_judged_by_the_strictest_rules(sizes: list[tuple[int, int]], vram: int) -> None:
    loads = [load(f"m{n}", size / 10, known / 10) for n, (size, known) in enumerate(sizes)]
    careful = admit(server(vram, era=Era.UNKNOWN, version="0.27.0"), loads)
    assert any("0.27.0" in note for note in careful.notes)
    for era in (Era.CURRENT, Era.ENGINE):
        assert WORSE.index(careful.fit) >= WORSE.index(admit(server(vram, era=era), loads).fit)
