"""What nvidia-smi and the script say of a machine: exact, or an error; and no secret of the environment in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.clients import gpu
from fleethub.clients.gpu import GpuError, read_remote
from fleethub.clients.machine import Frame, FrameError, frames, script, settings
from fleethub.clients.nvidia import Listed, parse_gpus, parse_more, parse_processes
from fleethub.clients.shell import Output
from fleethub.model.readings.gpu import CommandLine, GpuState
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
    expected = tuple(GpuState(n, t * MIB, u * MIB, f * MIB, f"GPU-{i}", i) for i, (n, t, u, f) in enumerate(sizes))
    assert parse_gpus(Frame(0, text)) == Listed(expected)


pieces = st.sampled_from(
    ["0", "1", ", ", ",", "\n", "GPU-a", "[N/A]", "[Not Supported]", "-1", "1e9", "٣", "\x1b[2J", "x"]
)


@given(st.one_of(st.text(), st.lists(pieces).map("".join)), st.integers(0, 255))
def test_garbage_is_told_never_a_guess(text: str, code: int) -> None:
    there = [line for line in text.split("\n") if line.strip()]
    try:
        listed = parse_gpus(Frame(code, text))
        rows, said = len(listed.rows), listed.says
    except GpuError as error:
        rows, said = 0, (str(error),)
    processes, odd = parse_processes(Frame(code, text))
    for found, told in ((rows, said), (len(processes), odd)):
        assert all(line.isprintable() for line in told)
        assert found == len(there) or told
        assert not code or told


@pytest.mark.parametrize(
    ("code", "text", "says"),
    [
        (127, "", "no nvidia-smi"),
        (
            9,
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
            "ended with 9: NVIDIA-SMI",
        ),
        (18, "Failed to initialize NVML: Driver/library version mismatch", "ended with 18: Failed to initialize NVML"),
        (0, "", "finds no GPU"),
        (0, "No devices were found", "no list of GPUs"),
        (0, "0, GPU-a, A, 100, 0", "no list of GPUs"),
    ],
)
def test_what_is_no_list_of_gpus_says_so(code: int, text: str, says: str) -> None:
    with pytest.raises(GpuError) as caught:
        parse_gpus(Frame(code, text))
    assert says in str(caught.value)


LOST = "Unable to determine the device handle for GPU 0000:02:00.0: Unknown Error"
WARNS = "WARNING: infoROM is corrupted at gpu 0000:01:00.0"
FIRST, SECOND = "0, GPU-1, RTX 4090, 24564, 320, 23750", "1, GPU-2, RTX 4090, 24564, 0, 24564"


@pytest.mark.parametrize(
    ("code", "text", "totals", "lost", "says"),
    [
        (14, f"{FIRST}\n{SECOND}\n{WARNS}", [24564, 24564], 0, WARNS),  # microsoft/pai#3756
        (0, f"{FIRST}\n{LOST}", [24564], 1, LOST),
        (15, LOST, [], 1, LOST),
        (0, SECOND, [24564], 1, "does not list GPU 0"),
        (0, f"{FIRST}\n1, GPU-2, NVIDIA GB10, [N/A], [N/A], [N/A]", [24564, 0], 0, "total memory of GPU 1"),
        (0, f"{FIRST}\n1, GPU-2, RTX 3090, ERR!, ERR!, ERR!", [24564, 0], 0, "total memory of GPU 1 (RTX 3090)"),
        (0, "0, GPU-1, A, 100, [Not Supported], [Not Supported]", [100], 0, ""),
        (0, "0, GPU-1, A, 100, 200, 0", [100], 0, ""),
        (0, "0, GPU-1, A, 100, 0, 99999999999999", [100], 0, ""),
    ],
)
def test_an_odd_row_or_line_takes_no_other_with_it(
    code: int, text: str, totals: list[int], lost: int, says: str
) -> None:
    listed = parse_gpus(Frame(code, text))
    assert [row.total for row in listed.rows] == [total * MIB for total in totals]
    assert listed.lost == lost
    assert any(says in line for line in listed.says) if says else listed.says == ()


def test_an_odd_process_is_one_that_is_not_told() -> None:
    """wookayin/gpustat#6, utkuozdemir/nvidia_gpu_exporter#438."""
    row = "GPU-1, [Not Supported], [Not Supported], [Not Supported]"
    (found,), odd = parse_processes(Frame(0, f"{row}\n"))
    assert (found.pid, found.name, found.used, odd) == (0, "", None, ())
    assert parse_processes(Frame(0, "something else"))[1] == ("something else",)


def test_capability_and_slices() -> None:
    rows = parse_gpus(Frame(0, "0, GPU-1, A100-SXM4-40GB, 40960, 0, 40960\n1, GPU-2, Tesla M40, 11448, 0, 11448")).rows
    listing = (
        "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-1)\n"
        "  MIG 3g.20gb     Device  0: (UUID: MIG-GPU-1/1/0)\n"
        "  MIG 1g.5gb      Device  1: (UUID: MIG-11111111-1111-1111-1111-111111111111)\n"
        "GPU 1: Tesla M40 (UUID: GPU-2)\n"
    )
    cut, plain = parse_more(Frame(0, "0, 8.0, Enabled\n1, 5.2, [N/A]"), Frame(0, listing), rows)
    assert (cut.compute, cut.sliced, plain.compute, plain.sliced, plain.slices) == ("8.0", True, "5.2", False, ())
    assert [(part.name, part.total <= real * MIB) for part, real in zip(cut.slices, (20096, 4864), strict=True)] == [
        ("3g.20gb", True),
        ("1g.5gb", True),
    ]
    old = parse_more(Frame(2, 'Field "compute_cap" is not a valid field to query.'), Frame(127, ""), rows)
    assert old == rows


def test_processes_without_their_arguments() -> None:
    text = "GPU-a, 12, /opt/a, b/python3 --token hunter2, 300\nGPU-a, 13, [Not Found], [N/A]\n"
    (first, second), _ = parse_processes(Frame(0, text))
    assert (first.pid, first.name, first.used) == (12, "/opt/a, b/python3", 300 * MIB)
    assert (second.name, second.used) == ("", None)
    assert parse_processes(Frame(0, "")) == ((), ())


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
    monkeypatch.setattr(gpu, "script", lambda gpus: script(gpus, str(found.proc), str(found.proc / "sys")))
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


def test_the_variables_that_hide_cards_are_told(machine: Machine) -> None:
    uuids = ",".join(f"GPU-{n}2345678-1234-1234-1234-123456789abc" for n in range(8))
    environ = {"CUDA_VISIBLE_DEVICES": uuids, "NVIDIA_VISIBLE_DEVICES": "0,2", "ROCR_VISIBLE_DEVICES": f"a {CANARY}"}
    machine.process(7, "ollama", "serve", environ=environ)
    seen = read_remote(machine).settings
    assert seen == {**environ, "ROCR_VISIBLE_DEVICES": "?"}
    assert CANARY.encode() not in machine.said


def test_a_driver_that_fails_is_no_machine_without_gpus(machine: Machine) -> None:
    machine.tool("nvidia-smi", "echo Failed to initialize NVML: Driver/library version mismatch; exit 18")
    reading = read_remote(machine)
    assert (reading.gpus, reading.failed) == ((), True)
    assert "version mismatch" in reading.problem
    machine.tool("nvidia-smi", f"echo '{LOST}'; exit 15")
    reading = read_remote(machine)
    assert (reading.gpus, reading.failed, reading.lost) == ((), False, 1)


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
        "nvmlDeviceGetCudaComputeCapability": lambda handle: (9, 0),
        "nvmlDeviceGetMigMode": refused,
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=80, used=30, free=50),
        "nvmlDeviceGetComputeRunningProcesses": lambda handle: [process(2, 20), process(3, None)],
        "nvmlDeviceGetGraphicsRunningProcesses": lambda handle: [process(2, 20)],
        "nvmlSystemGetProcessName": named,
    }
    for function, answer in told.items():
        monkeypatch.setattr(pynvml, function, answer)
    listed, processes = gpu.nvml()
    assert listed == Listed((GpuState("NVIDIA H100", 80, 30, 50, "GPU-h", 0, "9.0"),))
    assert [(p.pid, p.name, p.gpu, p.used) for p in processes] == [
        (2, "/usr/bin/python3", "GPU-h", 20),
        (3, "", "GPU-h", None),
    ]
    monkeypatch.setattr(pynvml, "nvmlDeviceGetComputeRunningProcesses", refused)
    assert [p.pid for p in gpu.nvml()[1]] == [2]
    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", refused)
    untold, _ = gpu.nvml()
    assert (untold.rows[0].total, untold.lost) == (0, 0)
    assert "does not tell the total memory of GPU 0" in untold.says[0]
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", refused)
    assert gpu.nvml()[0] == Listed((), 1, ("NVML: GPU 0: Not Supported",))
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: refused(None))
    with pytest.raises(GpuError, match="NVML: Not Supported"):
        gpu.nvml()


def test_other_servers_are_told_with_their_own_variables(machine: Machine) -> None:
    environ = {"CUDA_VISIBLE_DEVICES": "1", "LLAMA_ARG_CTX_SIZE": "8192", "LLAMA_API_KEY": CANARY, "HF_TOKEN": CANARY}
    argv = ("llama-server", "--port", "8081", "--api-key", CANARY)
    machine.process(21, *argv, environ=environ, comm="llama-server")
    machine.process(
        22, "/opt/v/bin/python3", "/opt/v/bin/vllm", "serve", "org/m", "--port", "8001", environ=environ, comm="vllm"
    )
    module = ("python3", "-m", "vllm.entrypoints.openai.api_server", "--port=8002", "--api-key", CANARY)
    machine.process(23, *module, environ=None, comm="pt_main_thread")
    machine.process(24, "python3", "train.py", environ=environ, comm="python3")
    machine.process(25, "VLLM::EngineCore", environ=environ, comm="VLLM::EngineCor")
    masks = (("CUDA_VISIBLE_DEVICES", "1"), ("LLAMA_ARG_CTX_SIZE", "8192"))
    assert read_remote(machine).command_lines == (
        CommandLine(21, (("--port", "8081"),), "llama-server", masks),
        CommandLine(22, (("--port", "8001"),), "vllm", masks),
        CommandLine(23, (("--port", "8002"),), "vllm", None),
    )
    assert CANARY.encode() not in machine.said


@pytest.mark.parametrize("named", [True, False])
def test_what_is_free_where_models_are_kept_is_told_and_not_where_that_is(machine: Machine, named: bool) -> None:
    environ = {"OLLAMA_MODELS": "/srv/models"} if named else {"HOME": "/home/someone"}
    machine.process(7, "ollama", "serve", environ=environ)
    assert gpu.read_remote(machine).disk is None
    (machine.proc / "7/root" / ("srv/models" if named else "home/someone/.ollama/models")).mkdir(parents=True)
    free = gpu.read_remote(machine).disk
    assert free is not None
    assert abs(free - shutil.disk_usage(machine.proc).free) < 1 << 30
