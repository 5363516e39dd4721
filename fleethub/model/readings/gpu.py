"""What the machine of a backend tells: its cards, their processes, and how its model servers were started."""

from __future__ import annotations

from collections.abc import Mapping

from fleethub.model.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class GpuSlice:
    """A part of a GPU that is cut (NVIDIA's MIG), which a program takes for a GPU; ``total`` in bytes."""

    name: str
    total: int
    uuid: str


@dataclass(frozen=True, slots=True)
class GpuState:
    """One GPU now; sizes in bytes. ``used`` counts every process, and what the driver keeps.

    What the driver does not tell is 0 (``total``), None or empty. ``index`` is its number for the driver, ``compute``
    NVIDIA's capability ("8.6"). ``sliced``: it is cut, and only its ``slices`` can be used.
    """

    name: str
    total: int
    used: int | None
    free: int | None
    uuid: str = ""
    index: int = 0
    compute: str = ""
    sliced: bool = False
    slices: tuple[GpuSlice, ...] = ()


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process on a GPU; ``used`` in bytes, None where the driver does not tell."""

    pid: int
    name: str
    gpu: str  # the GPU's uuid
    used: int | None = None


#: The program whose command line is read where none is named.
LLAMA_SERVER = "llama-server"


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What of a model server's command line decides about memory: its options with their values, in order.

    ``environment``: variables that do so too, or that hide cards from it; None: it could not be read.
    """

    pid: int
    options: tuple[tuple[str, str], ...]
    program: str = LLAMA_SERVER
    environment: tuple[tuple[str, str], ...] | None = None

    def of(self, name: str) -> str:
        """The value of an option; empty: it is not there."""
        return next((value for option, value in reversed(self.options) if option == name), "")


@dataclass(frozen=True, slots=True)
class GpuReading:
    """The machine of a backend: GPUs and their processes, and the model server's settings in its environment.

    ``settings`` holds that server's variables alone; None: they could not be told. ``by`` is "NVML" or "nvidia-smi".
    ``gpus`` empty: ``problem`` says why. ``settings_from`` says where the settings are from, or why there are none.
    ``lost`` cards are there and cannot be reached; ``failed``: there is a driver and it fails, so that none can be
    used. ``says``: what the driver wrote that is no row. ``command_lines``: of the model servers there.
    ``memory`` of the machine in bytes, and what Metal may have of it by a setting of its own; 0: not told. ``disk``:
    bytes that are free where the model server keeps its models; None: not told.
    """

    gpus: tuple[GpuState, ...]
    processes: tuple[GpuProcess, ...] = ()
    settings: Mapping[str, str] | None = None
    by: str = "NVML"
    problem: str = ""
    settings_from: str = ""
    lost: int = 0
    failed: bool = False
    says: tuple[str, ...] = ()
    command_lines: tuple[CommandLine, ...] = ()
    memory: int = 0
    metal_limit: int = 0
    disk: int | None = None
