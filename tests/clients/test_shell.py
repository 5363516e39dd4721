"""Scripts on this machine: what comes back, and that nothing hangs, floods or sees our environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleethub.clients import shell
from fleethub.clients.shell import Local, ShellError, Shells


def test_input_output_and_exit_code() -> None:
    answer = Local().run("cat; echo no >&2; exit 3", b"\0bytes\xff")
    assert (answer.code, answer.out, answer.err) == (3, b"\0bytes\xff", b"no\n")


def test_a_script_that_reads_nothing_is_not_waited_for() -> None:
    assert Local().run("exit 0", b"x" * (4 << 20)).code == 0


@pytest.mark.parametrize("script", ["{}", "({}) &", "trap '' TERM; {}", "cat; {}"])
def test_what_hangs_ends_in_time(script: str, tmp_path: Path) -> None:
    over = tmp_path / "over"
    with pytest.raises(ShellError, match=r"(did not end within|held its output for) 0\.5 s"):
        Local().run(script.format(f"sleep 120; touch {over}"), timeout=0.5)
    assert not over.exists()


def test_a_flood_is_an_error_and_errors_are_cut() -> None:
    with pytest.raises(ShellError, match="more than 4 MiB"):
        Local().run("yes")
    answer = Local().run("head -c 1000000 /dev/zero >&2; echo done")
    assert (answer.out, len(answer.err)) == (b"done\n", shell.LARGEST_ERROR)


def test_our_environment_is_not_the_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_MASTER_KEY", "canary-master")
    assert b"canary" not in Local().run("env").out
    assert b"PATH=" in Local().run("env").out


def test_one_shell_for_an_address_and_an_address_that_is_none() -> None:
    shells = Shells()
    assert shells.at("local") is shells.at("local")
    assert shells.at("ops@a") is not shells.at("ops@b")
    for address in ("-oProxyCommand=x", "ops@", "a@b@", "ops@-x", "h:port"):
        with pytest.raises(ShellError, match="user@host"):
            shells.at(address).run("true")
    shells.close()
