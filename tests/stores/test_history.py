"""The history of edits: whole lines, in order, on disk; a line that a crash cut off hides none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fleethub.stores.history import History, read


def append(path: Path, line: dict[str, Any]) -> None:
    with History(path) as log:
        log.append(line)


def test_lines_come_back_in_order_with_their_time(tmp_path: Path) -> None:
    path = tmp_path / ".fleethub/history.ndjson"
    assert read(path) == []
    append(path, {"action": "assign", "project": 'a "b"\n'})
    append(path, {"action": "release"})
    first, second = read(path)
    assert (first["action"], first["project"], second["action"]) == ("assign", 'a "b"\n', "release")
    assert first["ts"] <= second["ts"]
    assert first["ts"].endswith("+00:00")


def test_a_line_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "history.ndjson"
    path.write_text('{"action": "assign"}\n{"action": "rel')
    assert [line["action"] for line in read(path)] == ["assign"]
    append(path, {"action": "set"})
    assert [line["action"] for line in read(path)] == ["assign", "set"]


def test_what_is_damaged_hides_nothing_and_is_no_line(tmp_path: Path) -> None:
    path = tmp_path / "history.ndjson"
    path.write_bytes(b'{"action": "assign"}\nnull\n5\n[]\n\xff\xfe\n' + b"[" * 100_000 + b'\n{"action": "set"}\n')
    assert [line["action"] for line in read(path)] == ["assign", "set"]
