"""How near estimates come to what was measured: each load's reckoned buffers beside the server's own sum. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from fleethub.model.capacity import Estimate
from fleethub.model.measuring import Checked, Score

#: Rows that no server adds up: what the runtime takes beside its buffers, and the part that sees.
OUTSIDE = ("overhead", "projector")


def buffers(estimate: Estimate) -> tuple[int | None, int, int]:
    """The bytes of an estimate that its server adds up, and the least and most of them; None: it is not known."""
    if not estimate.rows:
        return None, 0, 0
    inside = [row for row in estimate.rows if not row.what.startswith(OUTSIDE)]
    low = sum(row.bytes if row.least is None else row.least for row in inside)
    high = sum(row.bytes if row.most is None else row.most for row in inside)
    return sum(row.bytes for row in inside), low, high


def score(loads: Sequence[Checked]) -> Score | None:
    """None where nothing can be compared."""
    off = sorted(one.off for one in loads if one.off is not None)
    if not off:
        return None
    below = sum(one.off is not None and (one.measured or 0) > one.high for one in loads)
    return Score(len(off), median(off), off[0], off[-1], below)
