"""What ``nvidia-smi`` writes, line by line: an odd line is told and takes no other line with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from fleethub.clients.machine import Frame
from fleethub.model.dataclass import dataclass
from fleethub.model.readings.gpu import GpuProcess, GpuSlice, GpuState
from fleethub.model.text import flat

MIB = 1 << 20
LARGEST_MIB = 1 << 30  # a petabyte: what is above is no size
WITHOUT = "it has no nvidia-smi, the one tool by which GPUs are read: declare them (gpus = …) if it has another kind"
#: What the driver says of a card that has fallen off the bus.
LOST = "Unable to determine the device handle for GPU"
MOST_SAID = 3
#: Of a slice's nominal size: an A100's 1g.5gb has 4,864 MiB.
SLICE = 0.95

_MORE = re.compile(r"(\d{1,4}), (\d{1,2}\.\d), (.+)", re.ASCII)
_CARD = re.compile(r"GPU (\d{1,4}): ", re.ASCII)
_MIG = re.compile(r"MIG (\S*?(\d{1,4})gb\S*)\s+Device\s+\d+: \(UUID: (MIG-[0-9A-Za-z/-]{1,120})\)", re.ASCII)


class GpuError(Exception):
    """Neither the GPUs nor Ollama's settings could be read; the message is fit to be shown."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list tells: ``rows`` in its order, ``lost`` cards that the driver does not reach, odd lines (``says``)."""

    rows: tuple[GpuState, ...]
    lost: int = 0
    says: tuple[str, ...] = ()


def parse_gpus(frame: Frame) -> Listed:
    """``index, uuid, name, total, used, free`` in MiB, one line each; raises GpuError when there is no such line.

    A size that is not told is 0 (total) or None. A card that is lost, or whose index is left out, is counted.
    """
    if frame.code == 127:
        raise GpuError(WITHOUT)
    rows, odd, lost = dict[int, GpuState](), list[str](), 0
    for line in lines(frame.text):
        row = _row(line)
        if row is None:
            odd.append(short(line))
            lost += LOST in line
        elif row.index in rows:
            odd.append(f"nvidia-smi lists GPU {row.index} twice")
        else:
            rows[row.index] = row
            odd += _untold(row)
    if not rows and not lost:
        ended = f"nvidia-smi ended with {frame.code}" if frame.code else "nvidia-smi answers what is no list of GPUs"
        raise GpuError(f"{ended}: {odd[0]}" if odd else "nvidia-smi finds no GPU")
    gaps = [index for index in range(max(rows, default=-1) + 1) if index not in rows]
    if len(gaps) > lost:
        odd.append(f"nvidia-smi does not list GPU {', '.join(map(str, gaps[:8]))}")
    if frame.code:
        odd.append(f"nvidia-smi ended with {frame.code}")
    ordered = tuple(rows[index] for index in sorted(rows))
    return Listed(ordered, max(lost, len(gaps)), tuple(odd[:MOST_SAID]))


def _row(line: str) -> GpuState | None:
    head = line.split(", ", 2)
    tail = head[2].rsplit(", ", 3) if len(head) == 3 else []
    if len(tail) != 4 or not number(head[0]) or int(head[0]) > 4095 or not tail[0]:
        return None
    total, used, free = (_mib(value) for value in tail[1:])
    if total is not None and any(size is not None and size > total for size in (used, free)):
        used = free = None  # they contradict each other
    return GpuState(short(tail[0]), total or 0, used, free, short(head[1]), int(head[0]))


def _untold(row: GpuState) -> Iterator[str]:
    if not row.total:
        yield f"nvidia-smi does not tell the total memory of GPU {row.index} ({row.name})"


def parse_more(frame: Frame, listing: Frame, rows: Iterable[GpuState]) -> tuple[GpuState, ...]:
    """The rows with their compute capability and, where they are cut, the slices: from ``index, compute_cap, mig`` and
    ``nvidia-smi -L``. What an older driver does not tell stays empty."""
    told = {int(m[1]): m for line in lines(frame.text) if (m := _MORE.fullmatch(line))} if not frame.code else {}
    slices = _slices(listing.text) if not listing.code else {}
    found = []
    for row in rows:
        match = told.get(row.index)
        if match is not None:
            cut = match[3] == "Enabled"
            row = replace(row, compute=match[2], sliced=cut, slices=slices.get(row.index, ()) if cut else ())
        found.append(row)
    return tuple(found)


def _slices(text: str) -> Mapping[int, tuple[GpuSlice, ...]]:
    found: dict[int, tuple[GpuSlice, ...]] = {}
    card = None
    for line in lines(text):
        if match := _CARD.match(line):
            card = int(match[1])
        elif card is not None and (match := _MIG.match(line)):
            size = int(int(match[2]) * (1 << 30) * SLICE)
            found[card] = (*found.get(card, ()), GpuSlice(short(match[1]), size, match[3]))
    return found


def parse_processes(frame: Frame) -> tuple[tuple[GpuProcess, ...], tuple[str, ...]]:
    """``gpu_uuid, pid, process_name, used_memory`` in MiB, and what is no such line; a pid that is not told is 0."""
    found, odd = list[GpuProcess](), list[str]()
    for line in lines(frame.text):
        head = line.split(", ", 2)
        tail = head[2].rsplit(", ", 1) if len(head) == 3 else []
        if len(tail) != 2 or not (number(head[1]) or untold(head[1])):
            odd.append(short(line))
            continue
        pid = int(head[1]) if number(head[1]) else 0
        found.append(GpuProcess(pid, program(tail[0]), short(head[0]), _mib(tail[1])))
    if frame.code:
        odd.append(f"nvidia-smi ended with {frame.code} for the processes")
    return tuple(found), tuple(odd[:MOST_SAID])


def lines(text: str) -> list[str]:
    """Those that are not empty."""
    return [line.strip() for line in text.split("\n") if line.strip()]


def number(text: str) -> bool:
    """Whether it is a plain number."""
    return text.isascii() and text.isdigit() and len(text) <= 10


def untold(text: str) -> bool:
    """Whether nvidia-smi writes this for what it cannot tell: ``[N/A]``, ``[Not Supported]``, ``ERR!`` and the like."""
    return text.startswith("[") or text in ("N/A", "ERR!")


def _mib(value: str) -> int | None:
    return int(value) * MIB if number(value) and int(value) <= LARGEST_MIB else None


def program(name: str) -> str:
    """A process's program without its arguments, which may hold a secret; empty when it is not told."""
    return "" if name.startswith("[") else short(name.partition(" -")[0])


def short(text: str) -> str:
    """Fit to be shown: one line, printable, not long."""
    return flat(text.partition("\n")[0][:160]).strip()
