"""Replaying the journal gives the same lockfile, whatever happened, also through the file."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fleethub.lockfile.reduce import replay
from fleethub.lockfile.text import dump, load
from fleethub.model.event import ApplyFinished, ApplyStarted, Event, Recorded, StepDone, StepFailed, StepStarted
from fleethub.stores import journal
from tests.lockfile.test_text import addresses, applieds, names, planneds, recorded

planned = st.dictionaries(names, st.lists(planneds, max_size=2).map(tuple), max_size=2)
records = addresses.flatmap(recorded)
maybe = st.tuples(addresses, st.none()) | records
started = st.builds(
    ApplyStarted,
    names,
    names,
    names,
    st.integers(1, 99),
    names,
    names,
    applieds,
    st.lists(records, max_size=3).map(dict),
    st.integers(0, 9),
)
steps = st.one_of(
    st.builds(StepStarted, names, addresses, names, names),
    st.builds(
        lambda step, record, gone: StepDone(step, record[0], "x", record[1], gone, ("a note",)),
        names,
        maybe,
        st.booleans(),
    ),
    st.builds(StepFailed, names, addresses, names, names, st.booleans()),
    maybe.map(lambda record: Recorded(*record)),
)
finished = st.builds(
    ApplyFinished, st.integers(1, 99), *[st.lists(names, max_size=2).map(tuple) for _ in range(3)], planned
)


@given(started, st.lists(steps, max_size=8), finished, st.integers(0, 40))
def test_replay_through_the_file_is_the_same(first: Event, middle: list[Event], last: Event, torn: int) -> None:
    events = [first, *middle, last]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ".fleethub/journal.ndjson"
        sink = journal.Journal(path)
        for event in events:
            sink(event)
        sink.close()
        assert journal.read(path) == events
        lockfile = replay(None, events)
        assert lockfile is not None
        assert replay(None, journal.read(path)) == lockfile
        assert load(dump(lockfile)) == lockfile
        # a crash that cut the last line off loses that line and nothing else
        data = path.read_bytes()
        path.write_bytes(data[: len(data) - 1 - torn])
        again = journal.read(path)
        assert again == events[: len(again)]


def test_a_damaged_line_of_a_journal_hides_none(tmp_path: Path) -> None:
    path = tmp_path / "journal.ndjson"
    kept = journal.Journal(path)
    kept(ApplyFinished(1, ("s",)))
    kept.close()
    path.write_bytes(b"null\n5\n\xff\xfe\n" + b"[" * 100_000 + b"\n" + path.read_bytes())
    assert journal.read(path) == [ApplyFinished(1, ("s",))]
