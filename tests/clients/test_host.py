"""Folder targets: absence is not unreadability, files arrive as a set, removal takes only what is ours."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

import pytest

from fleethub.clients.host import Folder, HostError, Parcel, connect

FILES = ((".env", b"KEY='1'\n", 0o600), ("compose.yaml", b"a: 1\n", 0o644), ("openclaw.json", b"{}\n", 0o644))
PATHS = tuple(path for path, _, _ in FILES)


class PlainSeal:
    """Fingerprints for tests: the digest itself."""

    def slot(self, slot: object) -> str:
        return str(slot)

    def text(self, text: object) -> str:
        return str(text)

    def sha256(self, digest: bytes) -> str:
        return digest.hex()


def fingerprints() -> dict[str, str]:
    return {path: hashlib.sha256(content).hexdigest() for path, content, _ in FILES}


def parcel(**more: object) -> Parcel:
    return Parcel(FILES, {"lineage": "l", "serial": 1, "generation": 1}, **more)  # type: ignore[arg-type]


def test_nothing_there(tmp_path: Path) -> None:
    assert not Folder(tmp_path / "n", tmp_path).read(PATHS).exists


def test_a_file_in_the_folders_place_is_unreadable_not_absent(tmp_path: Path) -> None:
    (tmp_path / "n").write_text("")
    for path in ("n", "n/below"):
        with pytest.raises(HostError):
            Folder(tmp_path / path, tmp_path).read(PATHS)


def test_deliver_and_read_back(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "n", tmp_path)
    folder.deliver(parcel(folders=("state", "workspace")), PlainSeal())
    reading = folder.read(PATHS)
    assert {p: (f.content.reveal(), f.mode) for p, f in reading.files.items() if f.content} == {
        p: (c, m) for p, c, m in FILES
    }
    assert reading.mark == {"lineage": "l", "serial": 1, "generation": 1}
    assert {p: b.reveal() for p, b in reading.applied.items()} == {p: c for p, c, _ in FILES}
    assert stat.S_IMODE((tmp_path / "n/.fleethub/applied").stat().st_mode) == 0o700
    assert (tmp_path / "n/state").is_dir()
    assert not (tmp_path / "n/.fleethub/incoming").exists()


def test_a_link_is_replaced_and_its_target_left_alone(tmp_path: Path) -> None:
    (tmp_path / "n").mkdir()
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "n/openclaw.json").symlink_to(tmp_path / "precious")
    folder = Folder(tmp_path / "n", tmp_path)
    assert folder.read(PATHS).files["openclaw.json"].kind == "link"
    folder.deliver(parcel(), PlainSeal())
    assert (tmp_path / "precious").read_text() == "mine"
    assert not (tmp_path / "n/openclaw.json").is_symlink()


def test_a_target_that_leads_out_through_a_link_is_refused(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "fleet", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (root / "n").symlink_to(elsewhere)
    with pytest.raises(HostError, match="leads out"):
        Folder(root / "n", root).deliver(parcel(), PlainSeal())
    assert not list(elsewhere.iterdir())


def test_stale_files_go_only_when_they_are_still_ours(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "n", tmp_path)
    folder.deliver(parcel(), PlainSeal())
    (tmp_path / "n/kept.yaml").write_text("changed")
    ours = hashlib.sha256(b"a: 1\n").hexdigest()
    (tmp_path / "n/gone.yaml").write_bytes(b"a: 1\n")
    folder.deliver(parcel(stale={"gone.yaml": ours, "kept.yaml": ours}), PlainSeal())
    assert not (tmp_path / "n/gone.yaml").exists()
    assert (tmp_path / "n/kept.yaml").exists()


def test_remove_takes_what_is_ours_and_names_the_rest(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "n", tmp_path)
    folder.deliver(parcel(folders=("state",)), PlainSeal())
    (tmp_path / "n/compose.yaml").write_text("changed by hand")
    assert folder.remove(fingerprints(), PlainSeal()) == ("compose.yaml", "state")
    assert sorted(p.name for p in (tmp_path / "n").iterdir()) == ["compose.yaml", "state"]


def test_remove_leaves_no_empty_folder(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "n", tmp_path)
    folder.deliver(parcel(), PlainSeal())
    assert folder.remove(fingerprints(), PlainSeal()) == ()
    assert not (tmp_path / "n").exists()
    assert folder.remove(fingerprints(), PlainSeal()) == ()


def test_a_mark_that_is_no_json_is_no_mark(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "n", tmp_path)
    folder.deliver(parcel(), PlainSeal())
    (tmp_path / "n/.fleethub/mark.json").write_text(json.dumps([1]))
    assert folder.read(PATHS).mark is None


def test_ssh_is_not_there_yet() -> None:
    with pytest.raises(HostError, match="not there yet"):
        connect("ssh://ops@host/srv/x", Path("/"))
