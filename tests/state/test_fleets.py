"""The list of fleets: kept in order, each once, never a reason to fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fleethub.state import fleets


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def test_folders_are_remembered_once_and_in_order(home: Path) -> None:
    assert fleets.known() == ()
    assert fleets.remember(home / "b")
    assert fleets.remember(home / "a")
    assert fleets.remember(home / "b" / "..")
    assert not fleets.remember(home / "b")
    assert fleets.known() == (home / "b", home / "a", home)
    assert (home / "config/fleethub/fleets").read_text() == f"{home / 'b'}\n{home / 'a'}\n{home}\n"


def test_a_line_that_is_no_folder_of_ours_outlives_a_new_one(home: Path) -> None:
    path = home / "config/fleethub/fleets"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"# mine\n/srv/caf\xe9\n/srv/one")
    assert fleets.remember(home / "new")
    assert path.read_bytes() == b"# mine\n/srv/caf\xe9\n/srv/one\n" + bytes(home / "new") + b"\n"
    assert [bytes(folder) for folder in fleets.known()] == [b"/srv/caf\xe9", b"/srv/one", bytes(home / "new")]


@pytest.mark.parametrize("text", ["", "\n\n", "relative\n./x\n", "# a remark\n", "/a\0b\n", b"\xff\xfe/x\n"])
def test_what_is_no_folder_is_passed_over(home: Path, text: str | bytes) -> None:
    path = home / "config/fleethub/fleets"
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    assert fleets.known() == ()


def test_a_list_that_cannot_be_read_is_empty(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "config").write_text("a file where the folder should be")
    assert fleets.known() == ()
    with pytest.raises(NotADirectoryError):
        fleets.remember(home)
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert fleets.known() == ()


def test_it_is_cheap_to_import() -> None:
    code = (
        "import sys, fleethub.state.fleets\nfleethub.state.fleets.known()\n"
        "print([m for m in sys.modules if m.startswith('fleethub')])\n"
        "print([m for m in ('click', 'pydantic', 'json', 'subprocess', 'tomllib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.splitlines() == ["['fleethub', 'fleethub.state', 'fleethub.state.fleets']", "[]"], done.stderr
