"""init: in a folder of its own, and in a directory that projects share."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from fleethub.state import fleets
from tests.support import Place


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME")
    return tmp_path / "home"


def at(folder: Path) -> Place:
    place = Place.__new__(Place)
    place.folder = folder
    return place


def test_a_shared_directory_holds_no_seed_and_validates(home: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    out = at(tmp_path).run("init", "monad", "--shared-dir", str(shared), code=0)
    assert sorted(str(p.relative_to(shared)) for p in shared.rglob("*") if p.is_file()) == [
        ".gitignore",
        "fleet.schema.json",
        "fleet.toml",
        "nodes/alpha.toml",
    ]
    seed = home / ".config/fleethub/monad.seed"
    assert seed.read_text().startswith("fhseed1_")
    assert stat.S_IMODE(seed.stat().st_mode) == 0o600
    assert '"file:~/.config/fleethub/monad.seed"' in (shared / "fleet.toml").read_text()
    assert seed.read_text().strip() not in out + "".join(p.read_text() for p in shared.rglob("*") if p.is_file())
    assert not list(shared.glob("*.md"))
    assert fleets.known() == (shared,)
    assert "Keep a copy of the seed" in out
    at(shared).run("validate", code=0)
    place = at(shared)
    place.run("node", "register", "beta", "--host", "b", "--target", "run/b", "--model", "llama3.1-8b",
              "--image", "i:1", "-y", code=0)  # fmt: skip
    assert (shared / "nodes/beta.toml").exists()


def test_git_takes_the_nodes_of_the_spec_and_not_their_files(home: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    at(tmp_path).run("init", "monad", "--shared-dir", str(shared), code=0)
    (shared / "run/alpha").mkdir(parents=True)
    (shared / "run/alpha/.env").write_text("SECRET=x\n")
    subprocess.run(["git", "init", "--quiet", str(shared)], check=True)
    subprocess.run(["git", "-C", str(shared), "add", "."], check=True)
    listed = subprocess.run(["git", "-C", str(shared), "ls-files"], capture_output=True, text=True, check=True).stdout
    assert listed.split() == [".gitignore", "fleet.schema.json", "fleet.toml", "nodes/alpha.toml"]


def test_what_is_there_stays(home: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "fleet.toml").write_text("# mine\n")
    (shared / ".gitignore").write_text("mine\n")
    out = at(tmp_path).run("init", "monad", "--shared-dir", str(shared), code=0)
    assert (shared / "fleet.toml").read_text() == "# mine\n"
    assert not (shared / "nodes").exists()
    assert not (home / ".config/fleethub/monad.seed").exists()
    assert (shared / ".gitignore").read_text() == "mine\n.fleethub/\n*.seed\n*.token\n.env\nrun/\n"
    assert "seed" not in out


def test_a_seed_that_is_there_is_used_and_said(home: Path, tmp_path: Path) -> None:
    seed = home / ".config/fleethub/monad.seed"
    seed.parent.mkdir(parents=True)
    seed.write_text("theirs")
    out = at(tmp_path).run("init", "monad", "--shared-dir", str(tmp_path / "shared"), code=0)
    assert seed.read_text() == "theirs"
    assert f"The seed was there already and is used: {seed}" in out


def test_the_configuration_may_lie_elsewhere(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    at(tmp_path).run("init", "monad", "--shared-dir", str(tmp_path / "shared"), code=0)
    assert f'"file:{tmp_path}/xdg/fleethub/monad.seed"' in (tmp_path / "shared/fleet.toml").read_text()
    assert (tmp_path / "xdg/fleethub/monad.seed").exists()
    at(tmp_path / "shared").run("validate", code=0)


def test_a_list_that_cannot_be_written_is_no_error(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    (home / ".config").write_text("in the way")
    place = at(tmp_path / "own")
    summary = json.loads(place.run("--json", "init", "monad", code=0).splitlines()[-1])
    assert "the list of your fleets could not be written" in summary["notes"][0]
    assert (place.folder / "monad.seed").exists()
    assert at(tmp_path).run("init", "monad", "--shared-dir", str(tmp_path / "shared"), code=1).startswith("error:")


def test_a_file_is_no_place_for_a_fleet(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    file.write_text("mine")
    assert "note.txt is a file; name the folder" in at(file).run("init", code=1)
    assert file.read_text() == "mine"


def test_a_path_that_is_no_text_is_refused_before_anything_is_written(home: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    odd.mkdir()
    assert "not in UTF-8" in at(odd).run("init", "cafe", code=1)
    assert not list(odd.iterdir())
    for command in ("validate", "plan", "observe"):
        assert "path in UTF-8" in at(odd).run(command, code=1)
    with pytest.raises(OSError, match="cannot be listed"):
        fleets.remember(odd)
    assert "path in UTF-8" in at(tmp_path / "a\x1b[31m").run("validate", code=1)
