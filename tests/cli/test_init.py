"""init: in a folder of its own, and in a directory that projects share."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest

from fleethub.clients.resolver import SecretResolver
from fleethub.kinds import KINDS
from fleethub.kinds.values import Inputs
from fleethub.model.observation import Resource
from fleethub.model.secret import SecretRef
from fleethub.operations.spec import open_fleet
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
        ".gitattributes",
        ".gitignore",
        "fleet.schema.json",
        "fleet.toml",
        "nodes/alpha.toml",
    ]
    (seed,) = (home / ".config/fleethub").glob("*.seed")
    assert seed.read_text().startswith("fhseed1_")
    assert stat.S_IMODE(seed.stat().st_mode) == 0o600
    spec = tomllib.loads((shared / "fleet.toml").read_text())["fleet"]
    assert seed.name == f"monad-{spec['id'][:8]}.seed"
    assert f"file:~/.config/fleethub/{seed.name}" in spec["key_seed"]
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
    assert listed.split() == [".gitattributes", ".gitignore", "fleet.schema.json", "fleet.toml", "nodes/alpha.toml"]


def test_what_is_there_stays(home: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "fleet.toml").write_text("# mine\n")
    (shared / ".gitignore").write_text("mine\n")
    out = at(tmp_path).run("init", "monad", "--shared-dir", str(shared), code=0)
    assert (shared / "fleet.toml").read_text() == "# mine\n"
    assert not (shared / "nodes").exists()
    assert not list((home / ".config/fleethub").glob("*.seed"))
    assert (shared / ".gitignore").read_text() == "mine\n.fleethub/\n*.seed\n*.token\n.env\nrun/\n"
    assert "the spec has mistakes, so no seed was made" in out


COPIED = """\
[fleet]
name = "monad"
key_seed = ["env:FLEETHUB_SEED", "file:~/keys/monad.seed"]
"""


def test_an_example_that_was_copied_gets_the_seed_that_it_names(home: Path, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        (folder / "fleet.toml").write_text(COPIED)
    out = at(folders[0]).run("init", code=0)
    seed = home / "keys/monad.seed"
    assert seed.read_text().startswith("fhseed1_")
    assert f"wrote {seed}" in out
    value = seed.read_text()
    again = at(folders[1]).run("init", code=0)
    assert seed.read_text() == value
    assert f"The seed was there already and is used: {seed}" in again
    assert re.search(r'has the same keys; write id = "[0-9a-f]{20}" in \[fleet\] first', again)
    (folders[1] / "fleet.lock").write_text("x")
    seed.unlink()
    assert "No seed was made" in at(folders[1]).run("init", code=0)
    assert not seed.exists()


def test_two_fleets_of_one_name_share_neither_seed_nor_values(home: Path, tmp_path: Path) -> None:
    fleets_ = []
    for place in ("here", "there"):
        at(tmp_path).run("init", "shared", "--shared-dir", str(tmp_path / place / "shared"), code=0)
        fleets_.append(tomllib.loads((tmp_path / place / "shared/fleet.toml").read_text())["fleet"])
    assert fleets_[0]["id"] != fleets_[1]["id"]
    assert fleets_[0]["key_seed"] != fleets_[1]["key_seed"]
    assert len({p.read_text() for p in (home / ".config/fleethub").glob("*.seed")}) == 2
    # and with one seed their values still differ: they hang on the id
    resolver = SecretResolver(tmp_path, SecretRef((fleets_[0]["key_seed"][1],)))
    values = {
        resolver.open(slot).reveal()
        for place in ("here", "there")
        for slot in [r.material.slot for r in wanted(tmp_path / place / "shared", resolver)]
    }
    assert len(values) == 2


def wanted(folder: Path, resolver: SecretResolver) -> list[Resource]:
    opened = open_fleet(folder)
    return list(KINDS["key"].desired(Inputs(opened.fleet, resolver, opened.rendered)))


def test_the_seed_is_checked_and_its_place_is_told(home: Path, tmp_path: Path) -> None:
    place = at(tmp_path / "fleet")
    place.run("init", "monad", code=0)
    (seed,) = (home / ".config/fleethub").glob("*.seed")
    assert place.run("seed", "path", code=0).strip() == str(seed)
    out = place.run("seed", "check", code=0)
    assert "there is no fleet.lock yet" in out
    assert seed.read_text().strip() not in out
    seed.chmod(0o644)
    assert "secret.mode" in place.run("seed", "check", code=3)
    seed.chmod(0o600)
    seed.write_text("sk-nonsense\n")
    said = place.run("seed", "check", code=1)
    assert "seed.malformed" in said
    assert "sk-nonsense" not in said
    seed.unlink()
    assert "does not exist" in place.run("seed", "check", code=1)
    assert "none is there" in place.run("seed", "path", code=0)


def test_the_hint_of_a_seed_that_a_command_tells_works_when_it_is_typed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Place, "trusts", False)
    place = at(tmp_path / "fleet")
    place.run("init", "monad", code=0)
    (seed,) = (home / ".config/fleethub").glob("*.seed")
    spec = place.folder / "fleet.toml"
    spec.write_text(re.sub(r"(?m)^key_seed = .*", f'key_seed = "command:cat {seed}"', spec.read_text()))
    said = place.run("seed", "check", code=3)
    line = re.search(r"if it is right: fleethub (.*)", said)
    assert line is not None
    place.run(*shlex.split(line[1]), code=0)
    place.run("seed", "check", code=0)
    seed.unlink()
    assert "hint: set what key_seed in [fleet] names, or correct it" in place.run("seed", "check", code=1)


def test_the_configuration_may_lie_elsewhere(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    at(tmp_path).run("init", "monad", "--shared-dir", str(tmp_path / "shared"), code=0)
    (seed,) = (tmp_path / "xdg/fleethub").glob("monad-*.seed")
    assert f'"file:{seed}"' in (tmp_path / "shared/fleet.toml").read_text()
    at(tmp_path / "shared").run("validate", code=0)


def test_a_list_that_cannot_be_written_is_no_error(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    (home / ".config").write_text("in the way")
    place = at(tmp_path / "own")
    summary = json.loads(place.run("--json", "init", "monad", code=0).splitlines()[-1])
    assert "the list of your fleets could not be written" in summary["notes"][0]
    assert len(list(place.folder.glob("monad-*.seed"))) == 1
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
