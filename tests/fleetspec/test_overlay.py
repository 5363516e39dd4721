"""A spec judged with files that are not on disk: nothing is written, and everything else is as if they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleethub.fleetspec import load
from fleethub.fleetspec.sources import matches
from tests.fleetspec.conftest import SMALL

NODE = '[nodes.{name}]\nhost = "{name}.example"\nrole = "worker"\n'


def included(folder: Path, pattern: str = "nodes/*.toml") -> None:
    (folder / "fleet.toml").write_text(f'include = ["{pattern}"]\n' + SMALL)
    (folder / "nodes").mkdir()
    (folder / "nodes/a.toml").write_text(NODE.format(name="a"))


def test_bytes_replace_those_on_disk(tmp_path: Path) -> None:
    included(tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*.toml")}
    new = load(tmp_path, {"nodes/a.toml": NODE.format(name="z").encode()})
    assert sorted(new.fleet.nodes) == ["volta", "z"]
    assert new.fleet.digest == new.digest != load(tmp_path).digest
    assert {p: p.read_bytes() for p in tmp_path.rglob("*.toml")} == before


def test_files_come_and_go(tmp_path: Path) -> None:
    included(tmp_path)
    new = load(tmp_path, {"nodes/b.toml": NODE.format(name="b").encode(), "nodes/a.toml": None, "x/b.toml": b"["})
    assert sorted(new.fleet.nodes) == ["b", "volta"]
    assert list(new.texts) == ["fleet.toml", "nodes/b.toml"]
    (tmp_path / "nodes/b.toml").write_text(NODE.format(name="b"))
    (tmp_path / "nodes/a.toml").unlink()
    assert load(tmp_path).digest == new.digest


def test_a_file_thought_away_is_missed_where_it_is_named(tmp_path: Path) -> None:
    included(tmp_path, "nodes/a.toml")
    found = load(tmp_path, {"nodes/a.toml": None})
    assert [f.code for f in found.findings] == ["spec.include"]
    assert load(tmp_path, {"nodes/a.toml": b""}).fleet is not None


def test_what_is_wrong_in_it_has_its_place(tmp_path: Path) -> None:
    included(tmp_path)
    found = load(tmp_path, {"nodes/b.toml": b'[nodes.b]\nhost = "b"\nmodel = "none"\n'})
    assert [(str(f.place), f.code) for f in found.findings] == [("nodes/b.toml:3:9", "spec.reference")]


@pytest.mark.parametrize(
    ("pattern", "name", "taken"),
    [
        ("nodes/*.toml", "nodes/a.toml", True),
        ("nodes/*.toml", "a/nodes/a.toml", False),
        ("nodes/*.toml", "nodes/x/a.toml", False),
        ("*/*.toml", "nodes/a.toml", True),
        ("nodes/a.toml", "nodes/a.toml", True),
        ("nodes/A*.toml", "nodes/a.toml", False),
        ("**/*.toml", "nodes/a.toml", False),
    ],
)
def test_which_include_takes_a_new_file(pattern: str, name: str, taken: bool) -> None:
    assert matches(pattern, name) is taken
