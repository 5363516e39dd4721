"""Two lockfiles of one fleet, taken together: whose each record is, and what no file can decide."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fleethub.kinds.key.attributes import KeyAttrs
from fleethub.kinds.node.attributes import FileAttrs, NodeAttrs
from fleethub.lockfile.conflict import conflict_of
from fleethub.lockfile.merge import ForeignLockfileError, merge
from fleethub.lockfile.text import dump, dump_merged, load
from fleethub.model.address import Address, key, node
from fleethub.model.capacity import PlannedModel
from fleethub.model.observation import AnyLocked, Applied, Locked, Lockfile, Source

NAMES = ("a", "b", "c", "d")


def records(name: str, model: str) -> dict[Address, AnyLocked]:
    """A node and its key, as an apply leaves them."""
    scope, of = (model,), frozenset([model])
    attrs = NodeAttrs((model,), {".env": FileAttrs(f"fp1:{model}", "0600")}, marked=True)
    source = Source("litellm", "http://llm:4000", of="proxy.main")
    return {
        key("main", name): Locked(source, KeyAttrs(models=scope, value=f"fp1:{name}"), generation=1),
        node(name): Locked(Source("host", f"nodes/{name}", of=f"node.{name}"), attrs, {key("main", name): of}),
    }


BASE = Lockfile(
    "monad",
    "lineage",
    7,
    "fp1:0",
    {a: r for name in NAMES for a, r in records(name, "old").items()},
    {"gpu": (PlannedModel("old", 8192, bytes=5),)},
    Applied("2026-11-28T10:00:00+00:00", "ops@here", "sha256:0", "c0", "0.1.0"),
    "base0000",
    {"gpu": "fits"},
    generations={key("main", name): 1 for name in NAMES},
)


def after(base: Lockfile, who: str, changed: Mapping[Address, AnyLocked | None], **head: object) -> Lockfile:
    """What an apply of a clone leaves."""
    resources = {a: r for a, r in {**base.resources, **changed}.items() if r is not None}
    at = f"2026-11-28T11:00:00+00:00 {who}"
    found = replace(base, serial=base.serial + 1, apply=who, resources=resources)
    return replace(found, applied=Applied(at, who, f"sha256:{who}", f"c-{who}", "0.1.0"), **head)  # type: ignore[arg-type]


A = after(BASE, "a", records("a", "new"), planned={"gpu": (PlannedModel("new", 8192, bytes=9),)})
B = after(BASE, "b", records("b", "other"), planned={"gpu": (*BASE.planned["gpu"], PlannedModel("other", 8192))})


def test_two_applies_to_different_nodes_are_one() -> None:
    merged = merge(BASE, A, B)
    assert merged.conflicts == {}
    assert {str(a) for a in merged.taken} == {"key.main.a", "node.a", "key.main.b", "node.b"}
    found = merged.lockfile
    assert found.resources == {**BASE.resources, **records("a", "new"), **records("b", "other")}
    assert (found.serial, found.lineage) == (9, "lineage")
    assert found.apply not in ("a", "b", "base0000")
    # what a gave up is gone, what either has now is there; nobody judged this set, and nobody applied one spec
    assert found.planned == {"gpu": (PlannedModel("new", 8192, bytes=9), PlannedModel("other", 8192))}
    assert found.fits == {}
    assert (found.applied.by, found.applied.spec) == ("b", "")
    assert merge(BASE, B, A).lockfile == found  # in whichever clone


def test_who_deleted_and_who_created_is_told_by_what_both_came_from() -> None:
    mine = after(BASE, "a", {node("a"): None, key("main", "a"): None})
    theirs = after(BASE, "b", records("e", "new"))
    merged = merge(BASE, mine, theirs)
    assert merged.conflicts == {}
    assert set(merged.lockfile.resources) == {
        *(a for name in ("b", "c", "d", "e") for a in (key("main", name), node(name)))
    }


def test_what_both_changed_is_left_and_both_texts_are_kept() -> None:
    theirs = after(BASE, "b", {**records("a", "other"), **records("c", "other")})
    merged = merge(BASE, A, theirs)
    assert set(merged.conflicts) == {key("main", "a"), node("a")}
    assert not merged.conflicts.keys() & merged.lockfile.resources.keys()
    text = dump_merged(merged)
    found = conflict_of(text)
    assert found is not None
    ours, other = load(found.ours), load(found.theirs)
    assert (ours.serial, ours.apply) == (other.serial, other.apply)
    for address in merged.conflicts:
        assert (ours.resources[address], other.resources[address]) == (A.resources[address], theirs.resources[address])
    assert ours.resources[node("c")] == other.resources[node("c")] == theirs.resources[node("c")]
    chosen = merged.settled({a: sides.theirs for a, sides in merged.conflicts.items()}, above=40)
    assert chosen.serial == 41
    assert chosen.resources == {**theirs.resources}


def test_without_what_both_came_from_every_difference_is_open() -> None:
    merged = merge(None, A, after(BASE, "b", {node("d"): None}))
    assert {str(a) for a in merged.conflicts} == {"key.main.a", "node.a", "node.d"}
    assert merge(replace(BASE, lineage="an earlier life"), A, B).conflicts.keys() == merge(None, A, B).conflicts.keys()


@pytest.mark.parametrize(
    ("theirs", "says"),
    [
        (
            replace(B, lineage="other"),
            r"not of one fleet: the lineage of one is lineage \(fleet 'monad'\), of the other",
        ),
        (replace(B, seed="fp1:1"), "of two seeds: the seed was rotated in one clone"),
    ],
)
def test_what_is_not_of_one_fleet_is_refused(theirs: Lockfile, says: str) -> None:
    with pytest.raises(ForeignLockfileError, match=says):
        merge(BASE, A, theirs)


def test_what_one_side_did_since_is_owed_no_more() -> None:
    base = replace(BASE, owed={node("a"): "2026-01-02", node("c"): "2026-01-01"})
    mine = replace(A, owed={node("c"): "2026-01-01", node("d"): "2026-02-02"})
    theirs = replace(B, owed={node("a"): "2026-01-02", node("c"): "2026-01-01", node("d"): "2026-02-01"})
    assert merge(base, mine, theirs).lockfile.owed == {node("c"): "2026-01-01", node("d"): "2026-02-01"}


def test_the_measured_size_of_one_load_is_no_second_load() -> None:
    sides = [
        replace(side, planned={"gpu": (PlannedModel("old", 8192, bytes=size),)}) for side, size in ((A, 6), (B, 8))
    ]
    merged = merge(BASE, *sides).lockfile
    assert merged.planned == {"gpu": (PlannedModel("old", 8192, bytes=8),)}
    assert merged.fits == {"gpu": "fits"}


changes = st.dictionaries(
    st.sampled_from([*NAMES, "e", "f"]), st.none() | st.sampled_from(["new", "other"]), max_size=6
)


def changed(who: str, what: Mapping[str, str | None]) -> Lockfile:
    found: dict[Address, AnyLocked | None] = {}
    for name, model in what.items():
        found |= dict.fromkeys(records(name, "old")) if model is None else records(name, model)
    return after(BASE, who, found)


@given(changes, changes)
@example({}, dict.fromkeys(NAMES))
def test_nothing_that_either_did_is_lost(mine: dict[str, str | None], theirs: dict[str, str | None]) -> None:
    ours, other = changed("a", mine), changed("b", theirs)
    merged = merge(BASE, ours, other)
    assert merge(BASE, other, ours).lockfile == merged.lockfile
    for address in {*BASE.resources, *ours.resources, *other.resources}:
        sides = [side.resources.get(address) for side in (ours, other)]
        base = BASE.resources.get(address)
        if address in merged.conflicts:
            assert base not in sides
            assert sides[0] != sides[1]
        else:
            expected = sides[0] if sides[0] == sides[1] else next(side for side in sides if side != base)
            assert merged.lockfile.resources.get(address) == expected
    if not merged.conflicts:
        assert load(dump_merged(merged)) == merged.lockfile
        assert dump_merged(merged) == dump(merged.lockfile)


def test_for_git_alone_two_applies_to_different_nodes_meet_in_the_head(tmp_path: Path) -> None:
    """Neighbours even: whoever has no driver has one place to look at, above the first resource."""
    for mine, theirs in (("a", "b"), ("b", "c"), ("d", "a")):
        ours = after(BASE, "a", records(mine, "new"))
        other = after(BASE, "b", records(theirs, "other"))
        paths = [tmp_path / name for name in ("ours", "base", "theirs")]
        for path, side in zip(paths, (ours, BASE, other), strict=True):
            path.write_text(dump(side))
        done = subprocess.run(
            ["git", "merge-file", "-p", *map(str, paths)], capture_output=True, text=True, check=False
        )
        head, _, rest = done.stdout.partition("\n[resource.")
        assert done.returncode == 1  # conflicts
        assert "<<<<<<< " in head
        assert "<<<<<<< " not in rest
        found = conflict_of(done.stdout)
        assert found is not None
        assert load(found.ours).resources == load(found.theirs).resources
