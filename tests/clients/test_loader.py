"""A script arrives at a host as it is, whatever shell is there, with what it reads behind it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleethub.clients.answer import _BEGIN
from fleethub.clients.host import scripts
from fleethub.clients.host.target import Target
from fleethub.clients.shell import Output, Shell
from fleethub.clients.ssh.loader import INPUT, LONGEST, OPENSSH, PLAIN, loader

#: sh as an account's login shell, and as what the command starts.
SHELLS = {"dash": "dash", "bash": "bash", "busybox": "busybox sh", "bash as sh": "bash --posix"}
#: What else an account may have; those of them that are installed.
LOGINS = ("bash", "bsd-csh", "dash", "fish", "ksh93", "mksh", "tcsh", "yash", "zsh")
SIGNS = st.text(st.characters(min_codepoint=10, max_codepoint=126, exclude_characters="\x0b\x0c\r"), max_size=60)


def ran(script: str, shell: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The command in a login shell, with ``sh`` being another one too."""
    command, head = loader(script)
    return subprocess.run(
        [*shell.split(), "-c", command.replace("sh -c", f"{shell} -c", 1)], input=head + stdin, capture_output=True
    )


def there() -> list[str]:
    return [shell for shell in SHELLS.values() if shutil.which(shell.split()[0])]


@pytest.mark.parametrize("more", ["", "# it is long\n" * (LONGEST // 12)], ids=["in the command", "on standard input"])
@pytest.mark.parametrize("shell", there())
def test_a_script_arrives_and_reads_what_is_behind_it(shell: str, more: str) -> None:
    script = f"""{more}printf '%s|' "it's" 'a\\b' "!" '*' *absent* "$#" "$IFS"

  while IFS= read -r line; do printf '%s;' "$line"; done
exit 7
"""
    assert loader(script)[0].startswith("sh -c 'left=" if more else "sh -c 'set -f;")
    done = ran(script, shell, b" one\ntwo\\\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"it's|a\\b|!|*|*absent*|0| \t\n| one;two\\;", b"")


@settings(max_examples=int(os.environ.get("FLEETHUB_EXAMPLES", "25")), deadline=None)
@given(SIGNS, st.sampled_from(there()))
def test_no_text_changes_on_its_way(text: str, shell: str) -> None:
    assert ran(f"printf '%s' {shlex.quote(text)}", shell).stdout == text.encode()


def test_a_command_has_nothing_that_means_something_within_quotes() -> None:
    """csh takes ``!`` and a new line there, fish a backslash."""
    command, _ = loader("frame='x'\n" + scripts.LOOK)
    assert command.startswith("sh -c '")
    assert not {"\\", "!", "\n"} & set(command)
    assert command.count("'") == 4
    assert len(command) < 9000


@pytest.mark.parametrize("shell", [name for name in LOGINS if shutil.which(name)])
def test_a_delivery_is_words_of_the_command_where_openssh_takes_it(shell: str) -> None:
    """By standard input it costs a program. No word is longer than csh takes one, wherever it is cut."""
    for size in (LONGEST - 2, LONGEST - 1, LONGEST, OPENSSH - 40):
        script = "printf '%s' \"it's\"\n" + "\n" * (size - 40) + "exit 7\n"
        command, head = loader(script, OPENSSH)
        assert max(map(len, command.split("' '")[1:])) <= LONGEST + 1
        done = subprocess.run([shell, "-c", command], input=head, capture_output=True)
        assert (done.returncode, done.stdout, done.stderr) == (7, b"it's", b"")


def test_all_that_runs_at_a_target_is_words_of_a_command_of_openssh() -> None:
    for name, script in vars(scripts).items():
        if name.isupper() and isinstance(script, str):
            assert loader(f"frame='{'x' * 41}'\n{_BEGIN}{script}", OPENSSH)[0].startswith("sh -c 'set -f;")


def test_a_script_that_has_every_sign_goes_by_standard_input() -> None:
    assert loader(f": {PLAIN}")[0] == INPUT.format(len(PLAIN) + 2)


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_a_look_runs_one_program_there(shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a millisecond of somebody's processor at every look; who listens on a port is one more."""

    if shell not in there():
        pytest.skip(f"there is no {shell}")

    class Other(Shell):
        def run(self, script: str, stdin: bytes = b"", timeout: float = 20.0) -> Output:
            done = ran(script, shell, stdin)
            return Output(done.returncode, done.stdout, done.stderr)

    (node := tmp_path / "n").mkdir()
    (node / ".env").write_bytes(b"\0it's\n")
    (tools := tmp_path / "tools").mkdir()
    (tools / "tar").write_text(f'#!/bin/sh\necho >>{tmp_path}/ran\nexec {shutil.which("tar")} "$@"\n')
    (tools / "tar").chmod(0o755)
    for name in {one.split()[0] for one in there()}:
        (tools / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(tools))  # nothing else is found
    found = Target(Other(), str(node), "far").read([".env", "absent"])
    assert (tmp_path / "ran").read_text() == "\n"
    assert found.files[".env"].content.reveal() == b"\0it's\n"  # type: ignore[union-attr]
    assert found.files.keys() == {".env"}
