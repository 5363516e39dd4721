"""A backend's machine over a real sshd: GPUs, settings, host keys, refusals, and machines that hang.

The sshd is one of our own on the loopback, with its own keys, ended by its pid; nothing of this machine's changes.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fleethub.clients import gpu, shell
from fleethub.clients.machine import script
from fleethub.clients.shell import ShellError, Shells
from fleethub.clients.ssh import Remote, destination
from tests.ports import free
from tests.real.sshd import Machine, agent, key

pytestmark = pytest.mark.real
CANARY = "canary-of-the-remote-environment"
GIB = 1 << 30

NVIDIA_SMI = """#!/bin/sh
case $1 in
  --query-gpu=*) echo '0, GPU-aa, NVIDIA RTX 6000 Ada Generation, 49140, 20480, 28660';;
  *) echo 'GPU-aa, 4711, /usr/lib/ollama/llama-server, 20000'; echo 'GPU-aa, 99, python3, [N/A]';;
esac
"""
SYSTEMCTL = f"""#!/bin/sh
case "$*" in
  *ActiveState*) printf 'ActiveState=active\\nMainPID=MAIN\\n';;
  *EnvironmentFiles*) printf 'EnvironmentFiles=\\n';;
  *) printf '%s' 'Environment=OLLAMA_NUM_PARALLEL=4 "OPENAI_API_KEY={CANARY} OLLAMA_MAX_QUEUE=9"'
     printf ' %s\\n' 'OLLAMA_API_KEY={CANARY}';;
esac
"""


@pytest.fixture
def gpus(machine: Machine) -> Machine:
    machine.tool("nvidia-smi", NVIDIA_SMI)
    machine.tool("systemctl", SYSTEMCTL.replace("MAIN", "1234"))
    return machine


@pytest.fixture(params=[False, True], ids=["paramiko", "ssh"])
def shells(request: pytest.FixtureRequest) -> Iterator[Shells]:
    """Each way in: what holds for one holds for the other."""
    found = Shells(ssh_program=request.param)
    yield found
    found.close()


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty /proc for the script: which Ollamas run on this machine is nobody's business here."""
    found = tmp_path / "proc"
    found.mkdir()
    monkeypatch.setattr(gpu, "script", lambda gpus: script(gpus, str(found), str(found / "sys")))
    return found


@pytest.mark.sample
def test_gpus_processes_and_settings_in_one_go(gpus: Machine, shells: Shells, proc: Path) -> None:
    reading = gpu.read_remote(shells.at(gpus.address))
    (card,) = reading.gpus
    assert (card.name, card.total, card.uuid) == ("NVIDIA RTX 6000 Ada Generation", 49140 << 20, "GPU-aa")
    assert [(p.pid, p.used) for p in reading.processes] == [(4711, 20000 << 20), (99, None)]
    assert reading.settings == {"OLLAMA_NUM_PARALLEL": "4"}
    assert reading.settings_from == "systemctl show ollama"
    assert reading.by == "nvidia-smi"


def test_the_environment_of_the_real_process_wins_and_its_secrets_stay(
    machine: Machine, shells: Shells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of sh that is called ollama and serves; what the connection carries is looked at as a whole."""
    shutil.copy(Path("/bin/sh").resolve(), tmp_path / "ollama")
    (tmp_path / "serve").write_text("sleep 120\n")
    env = {
        "PATH": "/usr/bin:/bin",
        "OPENAI_API_KEY": CANARY,
        "OLLAMA_API_KEY": CANARY,
        "OLLAMA_KV_CACHE_TYPE": "q8_0",
        "OLLAMA_ORIGINS": CANARY,
        "TRICK": f"{CANARY}\nOLLAMA_NUM_PARALLEL=9",
    }
    carried: list[bytes] = []
    real = Remote.run

    def watched(self: Remote, text: str, stdin: bytes = b"", timeout: float = 20.0) -> shell.Output:
        answer = real(self, text, stdin, timeout)
        carried.append(answer.out + answer.err)
        return answer

    monkeypatch.setattr(Remote, "run", watched)
    process = subprocess.Popen([tmp_path / "ollama", "serve"], cwd=tmp_path, env=env, start_new_session=True)
    try:
        machine.tool("systemctl", SYSTEMCTL.replace("MAIN", str(process.pid)))
        reading = gpu.read_remote(shells.at(machine.address))
        if "servers run there" in reading.settings_from:
            pytest.skip("an Ollama of somebody else runs on this machine")
        assert reading.settings == {"OLLAMA_KV_CACHE_TYPE": "q8_0"}
        assert reading.settings_from == f"the environment of pid {process.pid}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert carried
    assert not any(CANARY.encode() in data for data in carried)


def test_one_connection_serves_many_scripts_and_threads(machine: Machine, shells: Shells) -> None:
    answers: list[bytes] = []

    def ask(number: int) -> None:
        answers.append(shells.at(machine.address).run("cat; printf ' %s' $PPID", b"n%d" % number).out)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(a.split()[0] for a in answers) == sorted(b"n%d" % n for n in range(8))


def test_large_input_and_output_and_exit_code(machine: Machine, shells: Shells) -> None:
    data = os.urandom(1 << 20)
    answer = shells.at(machine.address).run("cat; echo no >&2; exit 7", data)
    assert (answer.code, answer.out, answer.err) == (7, data, b"no\n")
    assert shells.at(machine.address).run("head -c 3", data).out == data[:3]
    with pytest.raises(ShellError, match="more than 4 MiB"):
        shells.at(machine.address).run("yes")
    assert shells.at(machine.address).run("echo again").out == b"again\n"


def test_a_script_that_ends_before_its_input(machine: Machine, shells: Shells) -> None:
    data = os.urandom(3 << 20)
    assert shells.at(machine.address).run("exit 3", data).code == 3
    assert shells.at(machine.address).run("wc -c", data).out.strip() == b"%d" % len(data)


@pytest.mark.parametrize("code", [0, 1, 127, 254, 255])
def test_codes(code: int, machine: Machine, shells: Shells) -> None:
    answer = shells.at(machine.address).run(f"echo out; echo err >&2; exit {code}")
    assert (answer.code, answer.out, answer.err) == (code, b"out\n", b"err\n")


def test_a_script_that_a_signal_ends(machine: Machine, shells: Shells) -> None:
    assert shells.at(machine.address).run("echo out; kill -9 $$").code != 0


def test_errors_are_cut_and_a_child_in_the_background_is_waited_for(machine: Machine, shells: Shells) -> None:
    answer = shells.at(machine.address).run("head -c 1000000 /dev/zero >&2; (sleep 0.3; echo late) & echo done")
    assert answer.out == b"done\nlate\n"
    assert len(answer.err) == shell.LARGEST_ERROR


def test_a_connection_that_breaks(machine: Machine, shells: Shells) -> None:
    """The server's side of it is ended in the middle of a script; the next one finds its way again."""
    remote = shells.at(machine.address)
    with pytest.raises(ShellError, match="the connection broke"):
        remote.run("kill -9 $PPID; sleep 20")  # the sshd of this connection
    assert remote.run("echo again").out == b"again\n"


def test_close_ends_what_waits(machine: Machine, shells: Shells, tmp_path: Path) -> None:
    remote = shells.at(machine.address)
    remote.run("true")
    failed: list[str] = []

    def wait() -> None:
        try:
            remote.run(f"echo $$ >{tmp_path}/pid; touch {tmp_path}/up; exec sleep 3600", timeout=3600)
        except ShellError as error:
            failed.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    while not (tmp_path / "up").exists():
        time.sleep(0.02)
    shells.close()
    thread.join(300)
    with suppress(ProcessLookupError):  # what runs there may outlive its connection
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)
    assert len(failed) == 1


def _ours() -> set[str]:
    """The programs that run on this machine below this process."""
    found = subprocess.run(["ps", "-eo", "ppid=,pid=,args="], capture_output=True, text=True, check=True).stdout
    return {line.split(None, 2)[2] for line in found.splitlines() if line.split()[0] == str(os.getpid())}


def test_nothing_secret_in_a_list_of_programs_and_nothing_left(
    machine: Machine, shells: Shells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = _ours()
    answer = shells.at(machine.address).run("read secret; ps -eo args", CANARY.encode() + b"\n")
    assert answer.code == 0
    assert CANARY not in answer.out.decode()
    shells.close()
    assert list(tmp_path.iterdir()) == []
    assert {program for program in _ours() - before if "ssh" in program} == set()


def test_a_command_that_is_killed_leaves_no_connection(machine: Machine, tmp_path: Path) -> None:
    code = (
        "import os,sys\nfrom fleethub.clients.shell import Shells\n"
        "shells = Shells(ssh_program=True)\nprint(shells.at(sys.argv[1]).run('echo $PPID').out.decode(), flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    argv = [sys.executable, "-c", code, machine.address]
    done = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, "TMPDIR": str(tmp_path)})
    session = int(done.stdout)
    end = time.monotonic() + 300
    while Path(f"/proc/{session}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(f"/proc/{session}").exists()


def test_an_alias_of_the_ssh_config(machine: Machine, shells: Shells) -> None:
    other = machine.home / "elsewhere"
    other.write_text(machine.known)
    machine.known_hosts("")
    (machine.home / ".ssh/config").write_text(
        f"Host monad\n  HostName 127.0.0.1\n  Port {machine.port}\n  User {machine.user}\n"
        f"  IdentityFile {machine.home}/.ssh/id_ed25519\n  UserKnownHostsFile {other}\n"
        f"Host behind\n  HostName 127.0.0.1\n  Port {machine.port}\n  User {machine.user}\n"
        f"  ProxyJump monad\n  UserKnownHostsFile {other}\n"
        f"Host fooled\n  HostName 127.0.0.1\n  Port {machine.port}\n  User {machine.user}\n"
        f"  ProxyJump stranger\n  UserKnownHostsFile {other}\n"
        f"Host stranger\n  HostName 127.0.0.1\n  Port {machine.port}\n  User {machine.user}\n"
    )
    assert shells.at("monad").run("echo hello").out == b"hello\n"
    assert shells.at("behind").run("echo hello").out == b"hello\n"
    with pytest.raises(ShellError, match="is not known"):  # the jump host's key is checked as well
        shells.at("fooled").run("echo hello")


@pytest.fixture
def elsewhere(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that knows the host and has no key; the operator's key lies beside it."""
    home = tmp_path / "elsewhere"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh/known_hosts").write_text(machine.known)
    shutil.copy(machine.home / ".ssh/id_ed25519", tmp_path / "key")
    monkeypatch.setenv("HOME", str(home))
    return home


def test_a_key_of_the_agent(
    machine: Machine, elsewhere: Path, shells: Shells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with agent(tmp_path) as door:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(door))
        with pytest.raises(ShellError, match="login was refused"):
            shells.at(machine.address).run("echo hello")
        subprocess.run(["ssh-add", "-q", str(tmp_path / "key")], check=True)
        assert shells.at(machine.address).run("echo hello").out == b"hello\n"


def test_a_key_that_the_config_names_in_a_file_that_it_includes(
    machine: Machine, elsewhere: Path, shells: Shells, tmp_path: Path
) -> None:
    (elsewhere / ".ssh/conf.d").mkdir()
    (elsewhere / ".ssh/conf.d/fleet").write_text(
        f"Host monad-*\n  HostName 127.0.0.1\n  User {machine.user}\nHost monad-1\n  Port {machine.port}\n"
    )
    (elsewhere / ".ssh/keys").write_text(f"IdentityFile {tmp_path}/key\n")
    (elsewhere / ".ssh/config").write_text(
        'Include conf.d/* "nothing there"\nHost other\n  Port 1\nHost monad-*\n  Include ~/.ssh/keys\n  Port 2\n'
    )
    assert shells.at("monad-1").run("echo hello").out == b"hello\n"
    with pytest.raises(ShellError, match="cannot connect"):
        shells.at("monad-2").run("echo hello")


def test_a_key_of_one_host_is_not_offered_to_another(
    machine: Machine, elsewhere: Path, shells: Shells, tmp_path: Path
) -> None:
    key(tmp_path / "wrong")
    (elsewhere / ".ssh/config").write_text(
        f"Host *\n  HostName 127.0.0.1\n  Port {machine.port}\n  User {machine.user}\n"
        f"Host right*\n  IdentityFile {tmp_path}/key\nHost wrong\n  IdentityFile {tmp_path}/wrong\n"
    )
    answers: list[bytes] = []

    def ask(name: str) -> None:
        answers.append(shells.at(name).run("echo hello").out)

    threads = [threading.Thread(target=ask, args=(f"right{n}",)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [b"hello\n"] * 40
    with pytest.raises(ShellError, match="login was refused"):
        shells.at("wrong").run("echo hello")


def test_a_key_that_is_locked(machine: Machine, elsewhere: Path, shells: Shells, tmp_path: Path) -> None:
    argv = ["ssh-keygen", "-q", "-p", "-N", "a passphrase", "-f", str(tmp_path / "key")]
    subprocess.run(argv, check=True)
    shutil.copy(tmp_path / "key", elsewhere / ".ssh/id_ed25519")
    with pytest.raises(ShellError, match=r"locked by a passphrase: unlock it with ssh-add"):
        shells.at(machine.address).run("echo hello")


def test_an_unknown_host(machine: Machine, shells: Shells) -> None:
    machine.known_hosts("")
    with pytest.raises(ShellError) as caught:
        shells.at(machine.address).run("echo hello")
    assert "is not known" in str(caught.value)
    assert f"ssh -p {machine.port} {machine.user}@127.0.0.1" in str(caught.value)
    assert (machine.home / ".ssh/known_hosts").read_text() == ""


def test_another_host_key(machine: Machine, shells: Shells, tmp_path: Path) -> None:
    machine.known_hosts(f"[127.0.0.1]:{machine.port} {key(tmp_path / 'other')}\n")
    with pytest.raises(ShellError, match=r"is not the one in known_hosts.*ssh-keygen -R"):
        shells.at(machine.address).run("echo hello")


def test_a_refused_login(machine: Machine, shells: Shells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "stranger"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh/known_hosts").write_text(machine.known)
    monkeypatch.setenv("HOME", str(home))
    with pytest.raises(ShellError, match="login was refused"):
        shells.at(machine.address).run("echo hello")
    key(home / ".ssh/id_ed25519")
    with pytest.raises(ShellError, match="login was refused"):
        shells.at(machine.address).run("echo hello")


def test_a_script_that_hangs(machine: Machine, shells: Shells, tmp_path: Path) -> None:
    over = tmp_path / "over"
    with pytest.raises(ShellError, match="did not end within 1 s"):
        shells.at(machine.address).run(f"sleep 120; touch {over}", timeout=1)
    assert not over.exists()
    assert shells.at(machine.address).run("echo again").out == b"again\n"


def _silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait(300)


def _dripping(connection: socket.socket, over: threading.Event) -> None:
    for _ in range(600):
        connection.sendall(b"not yet\r\n")
        if over.wait(0.5):
            break


def _half(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    over.wait(300)


@pytest.mark.parametrize("behaves", [_silent, _dripping, _half], ids=lambda f: f.__name__)
def test_a_host_that_hangs(
    behaves: Callable[[socket.socket, threading.Event], None],
    machine: Machine,
    shells: Shells,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(destination, "CONNECT", 1.0)
    monkeypatch.setattr(destination, "LOGIN", 4.0)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as what looked for a free port did
        listener.bind(("127.0.0.1", *free()))
        listener.listen()

        over, gave_up = threading.Event(), []

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):  # it is hung up on
                behaves(connection, over)
                gave_up.append(not over.is_set())

        threading.Thread(target=serve, daemon=True).start()
        try:
            with pytest.raises(ShellError) as caught:
                shells.at(f"ops@127.0.0.1:{listener.getsockname()[1]}").run("echo hello")
            assert gave_up == []  # the client did so first
        finally:
            over.set()
        assert "within" in str(caught.value)


def test_an_agent_that_hangs(
    machine: Machine, elsewhere: Path, shells: Shells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destination, "LOGIN", 2.0)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "agent"))
        listener.listen()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        with pytest.raises(ShellError, match=r"no login within 2 s|login was refused"):
            shells.at(machine.address).run("echo hello")


def test_nobody_listens_and_no_such_name(machine: Machine, shells: Shells) -> None:
    (port,) = free()
    with pytest.raises(ShellError, match="cannot connect"):
        shells.at(f"ops@127.0.0.1:{port}").run("echo hello")
    with pytest.raises(ShellError, match="name is not known"):
        shells.at("ops@nowhere.invalid").run("echo hello")


def test_a_driver_that_fails(gpus: Machine, shells: Shells, proc: Path) -> None:
    gpus.tool("nvidia-smi", "#!/bin/sh\necho 'NVIDIA-SMI has failed: no driver'; exit 9\n")
    reading = gpu.read_remote(shells.at(gpus.address))
    assert reading.gpus == ()
    assert "ended with 9: NVIDIA-SMI has failed" in reading.problem
    assert reading.settings == {"OLLAMA_NUM_PARALLEL": "4"}
