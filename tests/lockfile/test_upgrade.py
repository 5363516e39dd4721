"""What version 0.1.0 wrote before format 2, from two applies of it, the second killed: read, upgraded, not lost."""

from __future__ import annotations

import json
from pathlib import Path

from fleethub.lockfile.events import as_dict
from fleethub.lockfile.reduce import replay
from fleethub.lockfile.text import dump, load
from fleethub.model.address import key, node
from fleethub.stores.journal import read

DATA = Path(__file__).parents[1] / "data/format-1"


def test_a_lockfile_is_upgraded_to_these_bytes() -> None:
    found = load((DATA / "fleet.lock").read_text())
    assert dump(found) == (DATA / "upgraded.lock").read_text()
    pending = found.resources[node("volta")].pending
    assert pending is not None
    assert (pending.phases, pending.attrs.chain) == (("deliver", "settle"), ("gpt-oss-20b", "qwen3-32b"))
    assert found.resources[node("tilt")].protected
    assert found.generations == {key("main", "tilt"): 1, key("main", "volta"): 1}


def test_a_journal_is_read_and_replays_to_the_lockfile() -> None:
    events = read(DATA / "journal.ndjson")
    written = [json.dumps(as_dict(event)) for event in events]
    assert written == (DATA / "upgraded.ndjson").read_text().splitlines()
    assert replay(None, events) == load((DATA / "fleet.lock").read_text())
