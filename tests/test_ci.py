"""What .ci/run promises: nothing real is left out there."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_each_file_of_real_rows_is_run_by_ci_or_by_make_test() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    rows = sorted((ROOT / "tests" / "real").glob("test_*.py"))
    # these ask for nothing but sshd, which CI has when it runs make test, and have no long rows
    plain = {"test_ssh_kept.py", "test_two_machines.py"}
    assert rows
    assert [path.name for path in rows if path.name not in script and path.name not in plain] == []
    for name in plain:
        assert "pytest.mark.long" not in (ROOT / "tests" / "real" / name).read_text()
