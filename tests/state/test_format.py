"""The lockfile's text: what goes in comes out, damage is told, the same value gives the same bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.model.address import Address
from fleethub.model.capacity import Fit, Planned
from fleethub.model.observation import Applied, Locked, Lockfile, Pending, Source
from fleethub.model.secret import SecretRef
from fleethub.state.format import LockfileError, dump, load

names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}", fullmatch=True)
aliases = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
addresses = st.one_of(
    names.map(lambda n: Address("node", n)),
    st.tuples(st.sampled_from(["key", "route"]), names, aliases).map(lambda t: Address(t[0], f"{t[1]}.{t[2]}")),
)
scalars = st.one_of(st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False), aliases)
attrs = st.dictionaries(names, st.one_of(scalars, st.lists(aliases, max_size=3)), max_size=4)
needs = st.dictionaries(addresses, st.frozensets(aliases, max_size=3), max_size=3)
sources = st.builds(
    Source,
    st.sampled_from(["litellm", "host"]),
    aliases,
    st.none() | st.builds(SecretRef, st.lists(aliases, min_size=1, max_size=2).map(tuple)),
)
pending = st.builds(Pending, st.lists(names, max_size=3).map(tuple), attrs, needs)
records = st.builds(Locked, sources, attrs, needs, aliases, aliases, st.booleans(), st.none() | pending)
applieds = st.builds(Applied, names, names, names, names, names)
planneds = st.builds(
    Planned, aliases, st.integers(1, 10**6), st.booleans(), st.just("") | aliases, st.none() | st.integers(0, 2**50)
)
lockfiles = st.builds(
    Lockfile,
    names,
    names,
    st.integers(0, 10**6),
    names,
    st.dictionaries(addresses, records, max_size=4),
    st.dictionaries(names, st.lists(planneds, max_size=3).map(tuple), max_size=3),
    applieds,
    names,
    st.dictionaries(names, st.sampled_from([fit.value for fit in Fit]), max_size=3),
)


@given(lockfiles)
def test_what_goes_in_comes_out(lockfile: Lockfile) -> None:
    assert load(dump(lockfile)) == lockfile
    assert dump(load(dump(lockfile))) == dump(lockfile)


@given(lockfiles, st.data())
def test_damage_is_an_error_and_no_traceback(lockfile: Lockfile, data: st.DataObject) -> None:
    text = dump(lockfile)
    at = data.draw(st.integers(0, len(text)))
    cut = text[:at] + data.draw(st.text(max_size=3)) + text[at + data.draw(st.integers(0, 9)) :]
    told: list[bool] = []
    try:
        load(cut)
    except LockfileError as error:
        told.append("fleet.lock" in str(error))
    assert all(told)


def test_a_newer_format_is_refused() -> None:
    with pytest.raises(LockfileError, match="upgrade FleetHub"):
        load("format = 2\n")


def test_planned_entries_of_an_earlier_fleethub_are_read() -> None:
    """Model and context alone: of any tag, a primary, of a size that nobody wrote down."""
    text = dump(Lockfile("f", "l", 1, "s", planned={"gpu": (Planned("a", 8192, False, "a:latest", 5),)}))
    (entry,) = load(text).planned["gpu"]
    assert entry == Planned("a", 8192, False, "a:latest", 5)
    header = text.split("[planned]")[0]
    (early,) = load(header + '[planned]\ngpu = [{ model = "a", context = 8192 }]\n').planned["gpu"]
    assert early == Planned("a", 8192, True, "", None)
    assert early.same(entry)
    assert not early.same(Planned("a", 4096))
    assert not entry.same(Planned("a", 8192, False, "b:latest"))
