"""What nvidia-smi and the script say of a machine: exact, or an error; and no secret of the environment in it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.clients import gpu
from fleethub.clients.gpu import GpuError, parse_gpus, parse_processes, read_remote
from fleethub.clients.machine import Frame, FrameError, frames, script, settings
from fleethub.clients.shell import Output
from fleethub.model.facts import GpuState
from tests.answers import NOISE, Printing

CANARY = "canary-in-the-environment"
MIB = 1 << 20

number = st.integers(0, 1 << 20)
name = st.text("abcRTX 4090,()-/", min_size=1).map(str.strip).filter(bool)


@given(st.lists(st.tuples(name, number, number, number), min_size=1, max_size=8))
def test_a_list_of_gpus_is_read_exactly(cards: list[tuple[str, int, int, int]]) -> None:
    """Names with commas as well."""
    sizes = [(n, max(t, u, f, 1), u, f) for n, t, u, f in cards]
    text = "\n".join(f"{i}, GPU-{i}, {n}, {t}, {u}, {f}" for i, (n, t, u, f) in enumerate(sizes))
    expected = tuple(GpuState(n, t * MIB, u * MIB, f * MIB, f"GPU-{i}") for i, (n, t, u, f) in enumerate(sizes))
    assert parse_gpus(Frame(0, text)) == expected


pieces = st.sampled_from(
    ["0", "1", ", ", ",", "\n", "GPU-a", "[N/A]", "[Not Supported]", "-1", "1e9", "٣", "\x1b[2J", "x"]
)


@given(st.one_of(st.text(), st.lists(pieces).map("".join)), st.integers(0, 255))
def test_garbage_is_an_error_never_a_guess(text: str, code: int) -> None:
    for parse in (parse_gpus, parse_processes):
        try:
            found, said = parse(Frame(code, text)), ""
        except GpuError as error:
            found, said = (), str(error)
        assert said.isprintable()
        if not said:
            assert code == 0
            assert len(found) == len([line for line in text.split("\n") if line.strip()])


@pytest.mark.parametrize(
    ("code", "text", "says"),
    [
        (127, "", "no nvidia-smi"),
        (
            9,
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
            "ended with 9: NVIDIA-SMI",
        ),
        (0, "", "finds no GPU"),
        (0, "No devices were found", "no list of GPUs"),
        (0, "0, GPU-a, NVIDIA GB10, [N/A], [N/A], [N/A]", "does not tell the total memory of GPU 0 (NVIDIA GB10)"),
        (0, "0, GPU-a, A, 100, 200, 0", "contradict each other"),
        (0, "1, GPU-b, B, 100, 0, 100", "not whole"),
        (0, "0, GPU-a, A, 100, 0", "no list of GPUs"),
        (0, "0, GPU-a, A, 100, 0, 99999999999999", "a size that is none"),
    ],
)
def test_what_is_no_list_of_gpus_says_so(code: int, text: str, says: str) -> None:
    with pytest.raises(GpuError) as caught:
        parse_gpus(Frame(code, text))
    assert says in str(caught.value)


def test_processes_without_their_arguments() -> None:
    text = "GPU-a, 12, /opt/a, b/python3 --token hunter2, 300\nGPU-a, 13, [Not Found], [N/A]\n"
    first, second = parse_processes(Frame(0, text))
    assert (first.pid, first.name, first.used) == (12, "/opt/a, b/python3", 300 * MIB)
    assert (second.name, second.used) == ("", None)
    assert parse_processes(Frame(0, "")) == ()


class Machine:
    """A shell whose machine is a folder: its tools, its /proc."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.proc = folder / "bin", folder / "proc"
        self.bin.mkdir()
        self.proc.mkdir()
        self.said = b""

    def tool(self, name: str, text: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.bin / name).chmod(0o755)

    def process(self, pid: int, *argv: str, environ: dict[str, str] | None, comm: str = "ollama") -> None:
        folder = self.proc / str(pid)
        folder.mkdir()
        (folder / "comm").write_text(comm + "\n")
        (folder / "cmdline").write_bytes(b"".join(a.encode() + b"\0" for a in argv))
        if environ is None:
            (folder / "environ").mkdir()  # even root cannot read it
        else:
            (folder / "environ").write_bytes(b"".join(f"{k}={v}".encode() + b"\0" for k, v in environ.items()))

    def unit(self, environment: str, pid: int = 7, files: str = "", active: str = "active") -> None:
        self.tool(
            "systemctl",
            f"case \"$*\" in *ActiveState*) printf 'ActiveState={active}\\nMainPID={pid}\\n';;\n"
            f"*EnvironmentFiles*) printf 'EnvironmentFiles={files}\\n';;\n"
            f"*) cat <<'END'\nEnvironment={environment}\nEND\n;; esac",
        )

    def run(self, text: str, stdin: bytes = b"", timeout: float = 20.0) -> Output:
        # the machine's own tools stay out: the script appends the usual folders to PATH
        text = text.replace(":/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/usr/lib/wsl/lib", ":/usr/bin:/bin")
        env = {"PATH": str(self.bin), "HOME": "/nowhere"}
        done = subprocess.run(["/bin/sh", "-c", text], input=stdin, capture_output=True, env=env, timeout=timeout)
        self.said += done.stdout + done.stderr
        return Output(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine(tmp_path)
    found.tool("nvidia-smi", 'case $1 in --query-gpu*) echo "0, GPU-a, RTX, 1000, 10, 990";; esac')
    found.tool("systemctl", "exit 1")
    monkeypatch.setattr(gpu, "script", lambda gpus: script(gpus, str(found.proc)))
    return found


def test_the_process_environment_is_the_truth(machine: Machine) -> None:
    environ = {
        "PATH": "/usr/bin",
        "OPENAI_API_KEY": CANARY,
        "OLLAMA_API_KEY": CANARY,
        "OLLAMA_ORIGINS": CANARY,
        "OLLAMA_KEEP_ALIVE": f"{CANARY} with spaces",
        "OLLAMA_MAX_QUEUE": "8" * 100,
        "X": f"{CANARY}\nOLLAMA_NUM_PARALLEL=9",
        "OLLAMA_HOST": "[::]:11434",
        "OLLAMA_CONTEXT_LENGTH": "",
        "OLLAMA_NUM_PARALLEL": "4",
    }
    machine.process(7, "/usr/bin/ollama", "serve", environ=environ)
    machine.process(8, "/usr/bin/ollama", "runner", "--model", "x", environ={"OLLAMA_NUM_PARALLEL": "1"})
    machine.process(9, "serve", "serve", environ={"OLLAMA_NUM_PARALLEL": "2"}, comm="other")
    machine.unit("OLLAMA_NUM_PARALLEL=1")
    reading = read_remote(machine)
    assert reading.settings == {
        "OLLAMA_NUM_PARALLEL": "4",
        "OLLAMA_HOST": "[::]:11434",
        "OLLAMA_CONTEXT_LENGTH": "",
        "OLLAMA_KEEP_ALIVE": "?",
        "OLLAMA_MAX_QUEUE": "?",
    }
    assert reading.settings_from == "the environment of pid 7"
    assert CANARY.encode() not in machine.said


def test_defaults_are_settings_too(machine: Machine) -> None:
    machine.process(7, "ollama", "serve", environ={"PATH": "/bin"})
    assert read_remote(machine).settings == {}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("OLLAMA_NUM_PARALLEL=2 OLLAMA_KV_CACHE_TYPE=q8_0", {"NUM_PARALLEL": "2", "KV_CACHE_TYPE": "q8_0"}),
        (f'"SECRET={CANARY} OLLAMA_NUM_PARALLEL=9" OLLAMA_MAX_QUEUE=3', {"MAX_QUEUE": "3"}),
        (f"$'SECRET={CANARY} OLLAMA_NUM_PARALLEL=9' OLLAMA_MAX_QUEUE=3", {"MAX_QUEUE": "3"}),
        (f'"A=x\\" OLLAMA_NUM_PARALLEL={CANARY}" "OLLAMA_KEEP_ALIVE=-1"', {"KEEP_ALIVE": "-1"}),
        (f"OLLAMA_API_KEY={CANARY} OPENAI_API_KEY={CANARY}", {}),
        (f'OLLAMA_NUM_PARALLEL=2 "OLLAMA_MAX_QUEUE={CANARY}', {"NUM_PARALLEL": "2"}),
        ("", {}),
    ],
)
def test_the_unit_where_the_process_cannot_be_read(machine: Machine, line: str, expected: dict[str, str]) -> None:
    machine.process(7, "ollama", "serve", environ=None)
    machine.unit(line)
    reading = read_remote(machine)
    assert reading.settings == {f"OLLAMA_{k}": v for k, v in expected.items()}
    assert reading.settings_from == "systemctl show ollama"
    assert CANARY.encode() not in machine.said


def test_no_guess(machine: Machine) -> None:
    """Several servers, a process that is not the unit's, a file of variables that nobody may read, none at all."""
    assert "no Ollama is seen" in read_remote(machine).settings_from
    machine.unit("OLLAMA_NUM_PARALLEL=2", pid=0, active="inactive")
    assert read_remote(machine).settings is None
    machine.process(7, "ollama", "serve", environ=None)
    machine.unit("OLLAMA_NUM_PARALLEL=2", pid=70)
    assert "pid 7) cannot be read: log in as root" in read_remote(machine).settings_from
    machine.unit("OLLAMA_NUM_PARALLEL=2", files="/etc/ollama.env (ignore_errors=no)")
    reading = read_remote(machine)
    assert reading.settings is None
    assert "EnvironmentFile" in reading.settings_from
    machine.process(8, "ollama", "serve", environ={})
    machine.unit("OLLAMA_NUM_PARALLEL=2")
    reading = read_remote(machine)
    assert reading.settings is None
    assert reading.settings_from.startswith("2 Ollama servers run there (pids 7, 8)")
    assert reading.gpus


def test_a_machine_without_nvidia_keeps_its_settings(machine: Machine) -> None:
    (machine.bin / "nvidia-smi").unlink()
    machine.process(7, "ollama", "serve", environ={})
    reading = read_remote(machine)
    assert (reading.gpus, reading.settings) == ((), {})
    assert "no nvidia-smi" in reading.problem
    (machine.proc / "7/comm").write_text("other\n")
    with pytest.raises(GpuError, match=r"no nvidia-smi.*no Ollama is seen"):
        read_remote(machine)


@given(st.binary())
def test_any_answer_is_frames_or_an_error(data: bytes) -> None:
    try:
        settings(frames(data))
    except FrameError:
        return
    assert b"end 0 0\n" in data


def test_an_answer_that_is_cut_is_an_error(machine: Machine) -> None:
    whole = machine.run(gpu.script(True)).out
    assert frames(whole)["gpus"].text == "0, GPU-a, RTX, 1000, 10, 990"
    for length in range(len(whole)):
        with pytest.raises(FrameError):
            frames(whole[:length])
    with pytest.raises(FrameError, match="something writes into it"):
        frames(b"Welcome to monad-1!\n" + whole)


@pytest.mark.parametrize(("before", "after"), NOISE)
def test_what_a_login_script_writes_around_it_is_skipped(machine: Machine, before: bytes, after: bytes) -> None:
    reading = read_remote(Printing(machine, before, after))
    assert [g.name for g in reading.gpus] == ["RTX"]


def test_without_nvml_this_machine_says_so(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise GpuError("NVML: NVML Shared Library Not Found")

    monkeypatch.setattr(gpu, "nvml", none)
    machine.process(7, "ollama", "serve", environ={"OLLAMA_NUM_PARALLEL": "2"})
    reading = gpu.read_local(machine)
    assert reading.problem == "NVML: NVML Shared Library Not Found"
    assert reading.settings == {"OLLAMA_NUM_PARALLEL": "2"}
    assert os.environ["PATH"].encode() not in machine.said


def test_nvml_with_its_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's functions replaced one by one, with its own error types: there is no GPU in CI."""
    import pynvml

    def process(pid: int, used: int | None) -> SimpleNamespace:
        return SimpleNamespace(pid=pid, usedGpuMemory=used)

    def named(pid: int) -> bytes:
        if pid == 3:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return b"/usr/bin/python3 --key hunter2"

    def refused(handle: object) -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    told = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": lambda handle: b"NVIDIA H100",
        "nvmlDeviceGetUUID": lambda handle: "GPU-h",
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=80, used=30, free=50),
        "nvmlDeviceGetComputeRunningProcesses": lambda handle: [process(2, 20), process(3, None)],
        "nvmlDeviceGetGraphicsRunningProcesses": lambda handle: [process(2, 20)],
        "nvmlSystemGetProcessName": named,
    }
    for function, answer in told.items():
        monkeypatch.setattr(pynvml, function, answer)
    gpus, processes = gpu.nvml()
    assert gpus == (GpuState("NVIDIA H100", 80, 30, 50, "GPU-h"),)
    assert [(p.pid, p.name, p.gpu, p.used) for p in processes] == [
        (2, "/usr/bin/python3", "GPU-h", 20),
        (3, "", "GPU-h", None),
    ]
    monkeypatch.setattr(pynvml, "nvmlDeviceGetComputeRunningProcesses", refused)
    assert [p.pid for p in gpu.nvml()[1]] == [2]
    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", refused)
    with pytest.raises(GpuError, match="NVML: Not Supported"):
        gpu.nvml()
