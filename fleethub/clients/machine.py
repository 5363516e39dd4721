"""The script that reads a backend's machine in one go: ``nvidia-smi``, and Ollama's settings. And what it says.

Everything comes back in frames, ``name code length`` and then that many bytes, so that no output can be taken for
another's. Of Ollama's environment only the variables in ``NAMES``, with plain values, ever leave the machine:
the filter runs there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from shlex import quote

from fleethub.clients.scripts import load
from fleethub.engines.llamacpp.settings import VARIABLES
from fleethub.model.dataclass import dataclass
from fleethub.model.readings.gpu import LLAMA_SERVER, CommandLine

#: Ollama's variables that decide what is loaded and how. Others (OLLAMA_API_KEY) may be secrets.
OLLAMA = (
    "CONTEXT_LENGTH",
    "FLASH_ATTENTION",
    "GPU_OVERHEAD",
    "HOST",
    "KEEP_ALIVE",
    "KV_CACHE_TYPE",
    "LLM_LIBRARY",
    "LOAD_TIMEOUT",
    "MAX_LOADED_MODELS",
    "MAX_QUEUE",
    "NEW_ENGINE",
    "NUM_PARALLEL",
    "SCHED_SPREAD",
    "VULKAN",
)
#: And those that decide which GPUs it may use, and what it keeps free there.
NAMES = (
    *(f"OLLAMA_{name}" for name in OLLAMA),
    *("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES"),
    *VARIABLES,
    *("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "GGML_VK_VISIBLE_DEVICES"),
)
#: The same without where it listens.
DECIDING = frozenset(NAMES) - {"OLLAMA_HOST"}

#: Options of llama-server that decide about memory, and where it listens; with a colon those that have a value.
LLAMA = (
    *("--port:", "-c:", "--ctx-size:", "-np:", "--parallel:", "-kvu", "--kv-unified", "-no-kvu", "--no-kv-unified"),
    *("-ngl:", "--gpu-layers:", "--n-gpu-layers:", "-ctk:", "--cache-type-k:", "-ctv:", "--cache-type-v:"),
    *("-fa:", "--flash-attn:", "-ub:", "--ubatch-size:", "--swa-full", "-fit:", "--fit:", "-fitt:", "--fit-target:"),
    *("--models-max:", "--models-dir:", "--models-preset:", "-m:", "--model:", "-hf:", "--hf-repo:"),
    *("-md:", "--model-draft:", "-hfd:", "--hf-repo-draft:", "-mm:", "--mmproj:", "-mmu:", "--mmproj-url:"),
    *("-sm:", "--split-mode:", "-dev:", "--device:", "-ts:", "--tensor-split:"),
)

#: Options of vLLM that say where it listens.
VLLM = ("--port:",)

_SCRIPT = load("machine")


def script(gpus: bool, proc: str = "/proc", sys: str = "/sys") -> str:
    """The script; ``gpus``: with nvidia-smi. ``proc`` is where the processes are, ``sys`` the kernel's devices."""
    where = f"proc={quote(proc)} sys={quote(sys)}"
    lists = " ".join(
        f"{name}='{' '.join(words)}'" for name, words in (("names", NAMES), ("llama", LLAMA), ("vllm", VLLM))
    )
    return f"gpus={int(gpus)} {where} {lists}\n{_SCRIPT}"


@dataclass(frozen=True, slots=True)
class Frame:
    """What one part of the script wrote, and the exit code of what it ran."""

    code: int
    text: str


class FrameError(Exception):
    """What came back is not what the script writes."""


def frames(data: bytes) -> Mapping[str, Frame]:
    """The script's output by the frames' names; raises FrameError when it is cut or has something in between."""
    found: dict[str, Frame] = {}
    rest = data
    while rest:
        head, newline, rest = rest.partition(b"\n")
        parts = head.split(b" ")
        if not newline or len(parts) != 3 or not all(p.isdigit() and len(p) < 10 for p in parts[1:]):
            raise FrameError("its answer is cut, or something writes into it")
        size = int(parts[2])
        if rest[size : size + 1] != b"\n":
            raise FrameError("its answer is cut")
        name = parts[0].decode("ascii", "replace")
        found[name] = Frame(int(parts[1]), rest[:size].decode("utf-8", "replace"))
        rest = rest[size + 1 :]
        if name == "end":
            break
    if "end" not in found:
        raise FrameError("its answer is cut")
    return found


@dataclass(frozen=True, slots=True)
class Settings:
    """Ollama's own variables (None: not told) and ``says``: where from, or why not."""

    values: Mapping[str, str] | None
    says: str


def settings(found: Mapping[str, Frame]) -> Settings:
    """What the frames say about the one Ollama that runs there; a guess between several is not made."""
    nothing = Frame(0, "")
    pids = found.get("serve", nothing).text.split()
    unit = dict(line.partition("=")[::2] for line in found.get("unit", nothing).text.splitlines())
    main = unit.get("MainPID", "0") if unit.get("ActiveState") == "active" else "0"
    if len(pids) > 1:
        return Settings(
            None, f"{len(pids)} Ollama servers run there (pids {', '.join(pids[:8])}): which one is not told"
        )
    environ = found.get("environ")
    if pids and environ is not None and environ.code == 0:
        return Settings(_assigned(environ.text), f"the environment of pid {pids[0]}")
    if main not in ("", "0") and (not pids or pids == [main]):
        if found.get("files", nothing).text:
            return Settings(
                None,
                "the unit ollama reads an EnvironmentFile, and the environment of its process cannot be read: "
                "log in as root or as the user that Ollama runs as",
            )
        return Settings(_assigned(found.get("environment", nothing).text), "systemctl show ollama")
    if pids:
        return Settings(
            None,
            f"the environment of Ollama (pid {pids[0]}) cannot be read: log in as root or as the user that it runs as",
        )
    return Settings(None, "no Ollama is seen to run there")


def _assigned(text: str) -> dict[str, str]:
    pairs = (line.partition("=")[::2] for line in text.splitlines())
    return {name: value for name, value in pairs if name in NAMES}


def command_lines(found: Mapping[str, Frame]) -> tuple[CommandLine, ...]:
    """The llama-servers and vLLMs that run there, each with what of its command line and environment decides."""
    lines = list[CommandLine]()
    for line in found.get("llama", Frame(0, "")).text.splitlines():
        head, _, rest = line.partition(" ")
        pid, _, program = rest.partition(" ")
        name, _, value = line.partition("=")
        if head == "pid" and pid.isascii() and pid.isdigit():
            lines.append(CommandLine(int(pid), (), program or LLAMA_SERVER, ()))
        elif not lines:
            continue
        elif line == "env ?":
            lines[-1] = replace(lines[-1], environment=None)
        elif head == "env" and (name := name.removeprefix("env ")) in NAMES and lines[-1].environment is not None:
            lines[-1] = replace(lines[-1], environment=(*lines[-1].environment, (name, value)))
        elif name.startswith("-"):
            lines[-1] = replace(lines[-1], options=(*lines[-1].options, (name, value)))
    return tuple(lines)


def disk(found: Mapping[str, Frame]) -> int | None:
    """Bytes that are free where the model server keeps its models; None: not told."""
    text = found.get("disk", Frame(0, "")).text
    return int(text) << 10 if text.isascii() and text.isdigit() and len(text) < 16 else None
