"""What may not be looked at is not absent. This machine may be root's, which may look everywhere: so links that lead
to themselves, files in a folder's place, and a process of another user.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleethub import folders
from fleethub.fleetspec import load
from tests.fleets import fleet
from tests.forked import ended
from tests.support import Place

SPEC = 'include = ["nodes/*.toml"]\n' + fleet("http://127.0.0.1:1").models("one").text


def below(root: Path, pattern: str) -> list[str]:
    return [str(path.relative_to(root)) for path in folders.files(root, pattern)]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.toml", "b.txt", "n/a.toml", "n/.hidden.toml", "n/deep/c.toml", ".git/x.toml", "m/d.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "n/folder.toml").mkdir()
    (tmp_path / "n/link.toml").symlink_to("../a.toml")
    (tmp_path / "m/up").symlink_to("..")
    return tmp_path


def test_what_is_read_is_an_ordinary_file_and_has_an_end(tmp_path: Path) -> None:
    (file := tmp_path / "file").write_bytes(b"abc")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    assert folders.content(file, 3) == b"abc"
    for name in ("file", "pipe", "device", ".", "none"):
        with pytest.raises(OSError, match=r"(?i)file|directory"):
            folders.content(tmp_path / name, 2)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.toml", ["a.toml"]),
        ("n/*.toml", ["n/a.toml", "n/link.toml"]),
        ("*/*.toml", ["m/d.toml", "n/a.toml", "n/link.toml"]),
        ("**/*.toml", ["a.toml", "m/d.toml", "n/a.toml", "n/deep/c.toml", "n/link.toml"]),
        ("n/**/?.toml", ["n/a.toml", "n/deep/c.toml"]),
        ("[ab].*", ["a.toml", "b.txt"]),
        ("nowhere/*.toml", []),
        ("*/nothing.toml", []),
    ],
)
def test_files_by_a_pattern(tree: Path, pattern: str, found: list[str]) -> None:
    """The same on every Python: their own ``**`` differ."""
    assert below(tree, pattern) == found


def test_what_cannot_be_told_is_said(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_text("")
    (tmp_path / "n").mkdir()
    (tmp_path / "n/away.toml").symlink_to("/nowhere/at-all.toml")
    for pattern in ("loop/*.toml", "file/*.toml", "n/*.toml", "**/*.toml"):
        with pytest.raises(OSError, match=r"\w"):
            folders.files(tmp_path, pattern)
    with pytest.raises(OSError, match="symbolic"):
        folders.exists(tmp_path / "loop/x")
    assert not folders.exists(tmp_path / "nowhere/x")
    assert not folders.is_file(tmp_path / "n")
    assert folders.kind(Path("/dev/null")) == "other"


def blind(folder: Path, how: str) -> None:
    """Make it impossible to list the nodes of a fleet."""
    nodes = folder / "nodes"
    nodes.rename(folder / "away")
    if how == "a link to itself":
        nodes.symlink_to("nodes")
    elif how == "a file in its place":
        nodes.write_text("")
    else:
        nodes.mkdir()
        for path in (folder / "away").iterdir():
            (nodes / path.name).symlink_to(folder / "not-mounted" / path.name)


@pytest.mark.parametrize("how", ["a link to itself", "a file in its place", "files that are not mounted"])
def test_an_include_that_cannot_be_followed_is_an_error_and_deletes_nothing(tmp_path: Path, how: str) -> None:
    place = Place(tmp_path / "fleet", SPEC)
    (place.folder / "nodes").mkdir()
    (place.folder / "nodes/volta.toml").write_text('[nodes.volta]\nhost = "volta"\nmodel = "one"\n')
    place.run("validate", code=0)
    blind(place.folder, how)
    out = place.run("validate", code=1)
    assert "fleet.toml:1:12: error spec.include" in out
    assert "nodes" in out
    assert "readable for this user, or take it out of include" in out
    assert "an include cannot be followed" in place.run("apply", "--auto-approve", code=1)


#: Loads all that a plan needs while it may, becomes nobody where it is root's, and plans.
NOBODY = """
import os, sys
from fleethub.cli import main

def plan(folder):
    try:
        main(["-C", folder, "plan"])
    except SystemExit as stop:
        return stop.code

plan(sys.argv[1])
print("=====", flush=True)
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
sys.exit(plan(sys.argv[2]))
"""


@pytest.fixture
def anyone() -> Iterator[Path]:
    """A folder that every user reaches, as pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("name", ["nodes", "fleet.toml", "nodes/volta.toml", "templates/openclaw-docker", "fleet.lock"])
def test_another_user_who_may_not_look_is_told(anyone: Path, name: str) -> None:
    """Permissions as they are; where the tests are root's, by a process that is not."""
    if os.getuid() == 0 and not all(folder.stat().st_mode & 0o001 for folder in Path(__file__).parents):
        pytest.skip("nobody but root may enter the folder of this clone")
    for folder in (anyone / "warm", anyone / "fleet"):
        place = Place(folder, SPEC)
        (folder / "nodes").mkdir()
        (folder / "templates/openclaw-docker").mkdir(parents=True)
        (folder / "nodes/volta.toml").write_text('[nodes.volta]\nhost = "volta"\nmodel = "one"\n')
    (place.folder / "fleet.lock").write_text("")
    if os.getuid() == 0:
        os.chown(place.folder / "fleet.seed", 65534, 65534)
    place.folder.chmod(0o777)
    (place.folder / name).chmod(0)
    env = {"PATH": os.environ["PATH"], "LITELLM_MASTER_KEY": "sk-x", "HOME": str(anyone)}
    done = ended(str(anyone / "warm"), str(place.folder), code=NOBODY, env=env)
    (place.folder / name).chmod(0o755)
    first, _, said = (done.stdout + done.stderr).partition("=====")
    assert "node.volta" in first
    assert "Traceback" not in said
    assert "ermission denied" in said
    assert name.partition("/")[0] in said
    assert done.returncode in (1, 3)


def test_a_spec_without_what_its_include_may_match(tmp_path: Path) -> None:
    """A pattern may match nothing: then there is nothing of it."""
    (tmp_path / "fleet.toml").write_text(SPEC)
    assert load(tmp_path).fleet is not None
    (tmp_path / "fleet.toml").write_text(SPEC.replace("nodes/*.toml", "nodes/**"))
    assert [(f.code, f.hint) for f in load(tmp_path).findings] == [("spec.include", 'write "nodes/**/*.toml"')]
