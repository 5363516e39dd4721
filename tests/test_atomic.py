"""Files are there whole or not at all, whoever else writes them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from fleethub.atomic import replace


def test_writers_in_threads_of_one_process_do_not_meet(tmp_path: Path) -> None:
    path, together, failed = tmp_path / "file", threading.Barrier(4), []

    def write(data: bytes) -> None:
        together.wait()
        try:
            for _ in range(50):
                replace(path, data, 0o600)
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(letter * 9000,)) for letter in (b"a", b"b", b"c", b"d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(set(path.read_bytes())) == 1
    assert len(path.read_bytes()) == 9000
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_what_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken" / "by-a-folder").mkdir(parents=True)
    with pytest.raises(OSError, match="taken"):
        replace(tmp_path / "taken", b"secret", 0o600)
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]
