"""The trust record as a file: what cannot be read is never nothing known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleethub.model.trust import Known, TrustRecord
from fleethub.state.trust import FORMAT, TrustError, read, write

RECORD = TrustRecord({"http://llm:4000": Known(("proxy.main url",))}, {"abc": "echo hi"})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    place = (tmp_path / "trust" / "id-a.json",)
    assert read(place) is None
    write(place, RECORD, "monad")
    assert read(place) == RECORD


@pytest.mark.parametrize("found", [0, -1, "1", None, 1.5, [1]])
def test_a_record_of_no_format_is_damaged(tmp_path: Path, found: object) -> None:
    place = (tmp_path / "id-a.json",)
    write(place, RECORD, "monad")
    place[0].write_text(json.dumps({**json.loads(place[0].read_text()), "format": found}))
    with pytest.raises(TrustError, match="is damaged; remove it"):
        read(place)


def test_a_record_of_a_later_fleethub_is_not_called_damaged(tmp_path: Path) -> None:
    place = (tmp_path / "id-a.json",)
    write(place, RECORD, "monad")
    place[0].write_text(json.dumps({**json.loads(place[0].read_text()), "format": FORMAT + 1}))
    with pytest.raises(TrustError, match="is of a later FleetHub; upgrade"):
        read(place)
