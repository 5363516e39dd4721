"""A history is bounded: specs that only old entries have go, and an entry that cannot be written is a note."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleethub.kinds.key.attributes import KeyAttrs
from fleethub.model.address import key
from fleethub.model.history import HistoryEntry
from fleethub.model.observation import Applied, Locked, Lockfile, Source
from fleethub.operations import history
from tests.stores.memory import MemoryStore, Shared


def applied(store: Any, number: int) -> None:
    digest = f"sha256:{number:04}"
    history.keep_spec(store, digest, {"fleet.toml": f"# {number}\n".encode()})
    assert history.record(store, HistoryEntry("", "apply", serial=number, spec=digest)) == ()


def test_the_specs_of_the_last_entries_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "SPECS", 3)
    store: Any = MemoryStore(Shared())
    for number in range(1, 6):
        applied(store, number)
    assert len(store.names("specs")) == 5
    applied(store, 1)  # an old spec again: it is one of the latest now
    applied(store, 6)
    assert store.names("specs") == ("0001", "0005", "0006")
    made, _ = history.of_serial(store, 6)
    spec = history.spec_of(store, made)
    assert spec is not None
    assert (spec.main, spec.files) == ("fleet.toml", {"fleet.toml": b"# 6\n"})
    made, _ = history.of_serial(store, 4)
    assert history.spec_of(store, made) is None


def test_what_cannot_be_kept_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    store: Any = MemoryStore(Shared())

    def full(line: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "record", full)
    (note,) = history.record(store, HistoryEntry("", "apply"))
    assert note == "what was done is not in the history: [Errno 28] No space left on device"


def test_nothing_of_a_serial_is_told_with_where_to_look() -> None:
    store: Any = MemoryStore(Shared())
    with pytest.raises(history.NotKept, match="nothing is kept of apply 3; fleethub log shows what is"):
        history.of_serial(store, 3)


def test_what_only_names_a_serial_is_not_taken_for_its_apply() -> None:
    store: Any = MemoryStore(Shared())
    store.record({"action": "apply", "serial": 3, "apply": "a0000003", "plan": "0a1b"})
    store.record({"action": "state migrate", "serial": 3})
    made, lockfile = history.of_serial(store, 3)
    assert (made.action, made.plan, lockfile) == ("apply", "0a1b", None)


def test_what_a_killed_apply_began_is_told_of_what_its_lockfile_changed() -> None:
    """Killed between the store's write and its history: the records tell; and where they do not, nobody knows."""
    store: Any = MemoryStore(Shared())
    one, other = key("main", "one"), key("main", "other")
    record = Locked(Source("litellm", "http://llm:4000", of="proxy.main"), KeyAttrs(models=("a",)), generation=1)
    first = Lockfile("f", "l", 3, "s", {one: record, other: record}, applied=Applied("2026-01-01"))
    version = store.write(first, store.version())
    store.write(replace(first, serial=4, resources={one: record, other: replace(record, generation=2)}), version)
    made, _ = history.of_serial(store, 4)
    assert (dict(made.changes), made.broken_off) == ({str(other): "changed"}, True)
    before, _ = history.of_serial(store, 3)
    found = [before, made]
    assert history.about(found, str(other)) == found
    assert history.about(found, str(one)) == [before]  # what it changed is not known
