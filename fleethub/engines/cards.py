"""Which GPUs a server may use: those that the machine has, less what the server's own environment hides.

A declaration (``gpus = …``) wins where it is smaller and the environment is not known, where a mask cannot be matched
with the cards (without one the cards are then not known), and card by card where a driver does not tell a size.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from fleethub.model.dataclass import dataclass
from fleethub.model.readings.gpu import GpuReading, GpuState
from fleethub.model.serving import Backend
from fleethub.model.text import gib, plural
from fleethub.sizing.devices import MEMORY, metal_part, runtime_of

#: Library -> the variables that hide cards from a program, outermost first. ROCm's later ones stand for each other.
MASKS = {
    "cuda": ("NVIDIA_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"),
    "rocm": ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "CUDA_VISIBLE_DEVICES"),
    "vulkan": ("GGML_VK_VISIBLE_DEVICES",),
}
#: Makers round, and the driver keeps a little (3 % of a small card): a declared size this near is no smaller one.
TOLERANCE = 0.04
#: What a container's runtime writes where it gives all cards, or gives them another way.
ALL = ("all",)
ANOTHER_WAY = ("", "void", "none")
#: A card by its number, or a part of it by the card's and its own.
NUMBERS = re.compile(r"(\d{1,4})(?::(\d{1,4}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Card:
    """One that a server takes for a GPU: the whole, or a part that is cut off. ``total`` in bytes."""

    name: str
    total: int
    uuid: str = ""
    index: int = 0
    compute: str = ""

    @property
    def pair(self) -> tuple[str, int]:
        """As a server has it."""
        return self.name, self.total


@dataclass(frozen=True, slots=True)
class Cards:
    """The cards of a server: ``by`` says from whom, empty when they are not known, and then ``says`` why.

    ``mask`` is the assignment that hides the others. ``declared``: the spec's, though the machine was read.
    ``unsure``: there are cards, and which of them it may use is not known.
    """

    cards: tuple[Card, ...]
    by: str = ""
    says: tuple[str, ...] = ()
    mask: str = ""
    declared: bool = False
    unsure: bool = False

    @property
    def gpus(self) -> tuple[tuple[str, int], ...]:
        """As a server has them."""
        return tuple(card.pair for card in self.cards)


def cards_of(backend: Backend, reading: GpuReading | None, environment: Mapping[str, str] | None) -> Cards:
    """The cards of a backend's server. ``environment``: the server's own variables, None where they are not known.

    A machine whose memory is declared, and that has no GPU with memory of its own, has that memory for a card.
    """
    found = _gpus_of(backend, reading, environment)
    if found.cards or found.unsure or backend.memory is None or backend.gpus or (reading and reading.failed):
        return found
    return _memory(backend, backend.memory, reading)


def _memory(backend: Backend, declared: int, reading: GpuReading | None) -> Cards:
    """The machine's memory as a card: what is declared, or what the machine has, where that is less."""
    seen = reading.memory if reading is not None else 0
    less = bool(seen) and seen < declared * (1 - TOLERANCE)
    size, by = (seen, f"memory read by {reading.by}") if less and reading is not None else (declared, "memory declared")
    if backend.memory_for == "metal":
        limit = reading.metal_limit if reading is not None else 0
        part = metal_part(size, limit)
        return Cards((Card(MEMORY["metal"], part),), f"for Metal, of {gib(size)} {by}")
    return Cards((Card(MEMORY[backend.memory_for], size),), by)


def _gpus_of(backend: Backend, reading: GpuReading | None, environment: Mapping[str, str] | None) -> Cards:
    declared = tuple(Card(gpu.name, gpu.vram) for gpu in backend.gpus)
    written = Cards(declared, "declared" if declared else "")
    if reading is None:
        return written
    if not reading.gpus:
        return _without_rows(written, reading)
    whole = tuple(_told(gpu, declared, reading) for gpu in reading.gpus)
    seen = [card for card in whole if card.total]
    if not seen:
        return Cards(declared, written.by, reading.says, declared=True)
    known = {gpu.index: gpu for gpu in reading.gpus}
    parts = {card.index: _parts(card, known[card.index]) for card in seen}
    if environment is not None:
        found, mask, doubt = _masked(seen, parts, environment)
        if found is not None:
            by = f"{reading.by}, {mask}" if mask else reading.by
            if not found:
                return Cards((), "", (f"{mask} hides every GPU from it",), mask)
            return _least(found, declared if doubt else (), by, (*reading.says, *doubt), mask)
        says = f"{mask} of its environment matches none of the GPUs that {reading.by} lists"
        if not declared:  # it hides some, and which is not known
            return Cards((), "", (*reading.says, f"{says}, and none are declared"), mask, unsure=True)
        return _least(_usual(seen, parts), declared, reading.by, (*reading.says, says), mask)
    return _least(_usual(seen, parts), declared, reading.by, reading.says, "")


def _without_rows(written: Cards, reading: GpuReading) -> Cards:
    if reading.failed:
        return Cards((), "", (reading.problem,))
    if not reading.lost:
        return written
    left = sorted(written.cards, key=lambda card: card.total)[: max(len(written.cards) - reading.lost, 0)]
    lost = f"{plural(reading.lost, 'card')} cannot be reached, so the smaller of the declared are taken"
    says = (*reading.says, lost)
    return Cards(tuple(left), f"declared, less {reading.lost} lost" if left else "", says, declared=True)


def _told(gpu: GpuState, declared: Sequence[Card], reading: GpuReading) -> Card:
    """A card with its size; one that the driver does not tell is the spec's of that place, where there are as many."""
    total = metal_part(gpu.total, reading.metal_limit) if reading.by == "sysctl" else usable(gpu)
    if not total and len(declared) == len(reading.gpus):
        total = declared[reading.gpus.index(gpu)].total
    return Card(gpu.name, total, gpu.uuid, gpu.index, gpu.compute)


def usable(gpu: GpuState) -> int:
    """What of a card a program can have: newer drivers count what they keep for themselves in its total alone.

    Seen on an H200 with driver 580: a total of 143,771 MiB, none used, 143,156 free, which is CUDA's own total.
    """
    if gpu.used is None or gpu.free is None or not 0.9 * gpu.total <= gpu.used + gpu.free <= gpu.total:
        return gpu.total
    return gpu.used + gpu.free


def _parts(card: Card, gpu: GpuState) -> tuple[Card, ...]:
    """The parts of a card that is cut; none where it is whole."""
    return tuple(
        Card(f"{card.name} {part.name}", part.total, part.uuid, card.index, card.compute) for part in gpu.slices
    )


def _usual(seen: Sequence[Card], parts: Mapping[int, Sequence[Card]]) -> tuple[Card, ...]:
    """What a program without a mask sees: every card; where one is cut, a single part, taken to be the smallest."""
    cut = [part for card in seen for part in parts[card.index]]
    return (min(cut, key=lambda part: part.total),) if cut else tuple(seen)


def _least(found: Sequence[Card], declared: Sequence[Card], by: str, says: tuple[str, ...], mask: str) -> Cards:
    """The declared cards where they are clearly less than what was found."""
    there, said = sum(card.total for card in found), sum(card.total for card in declared)
    if declared and said < there * (1 - TOLERANCE):
        return Cards(tuple(declared), "declared", says, mask, declared=True)
    return Cards(tuple(found), by, says, mask)


def _masked(
    seen: Sequence[Card], parts: Mapping[int, Sequence[Card]], environment: Mapping[str, str]
) -> tuple[tuple[Card, ...] | None, str, tuple[str, ...]]:
    """The cards that are left (None: the mask cannot be matched), the mask, and what is doubtful about it."""
    runtime = runtime_of(card.name for card in seen)
    left: tuple[Card, ...] = tuple(seen)
    applied, doubt, alternatives = "", list[str](), set[str]()
    for variable in MASKS.get(runtime, ()):
        value = environment.get(variable)
        if value is None or variable in alternatives:
            continue
        if variable == "NVIDIA_VISIBLE_DEVICES" and value in (*ALL, *ANOTHER_WAY):
            continue
        if runtime == "rocm" and variable != "ROCR_VISIBLE_DEVICES":
            alternatives |= {*MASKS["rocm"][1:]}
        applied = f"{variable}={value}"
        ends = variable == "CUDA_VISIBLE_DEVICES" and runtime == "cuda"
        chosen = _chosen(value, left, parts, ends=ends)
        if chosen is None:
            return None, applied, ()
        if ends and _by_number(value, left, environment):
            other = _chosen(value, sorted(left, key=lambda card: -card.total), parts, ends=ends) or ()
            if (a := sum(c.total for c in chosen)) != (b := sum(c.total for c in other)):
                doubt.append(
                    f"{applied} counts the fastest card as 0, and nvidia-smi the first on the bus: the smaller is "
                    "taken (CUDA_DEVICE_ORDER=PCI_BUS_ID makes both the same)"
                )
                chosen = chosen if a < b else other
        left = chosen
    if not applied or not any(parts.values()) or any(card.uuid.startswith("MIG-") for card in left):
        return (left if applied else _usual(left, parts)), applied, tuple(doubt)
    return _usual(left, parts), applied, tuple(doubt)


def _by_number(value: str, left: Sequence[Card], environment: Mapping[str, str]) -> bool:
    """Whether the mask counts cards of several sizes in CUDA's own order, which is not the bus's."""
    numbers = any(token.strip().isdigit() for token in value.split(","))
    return numbers and environment.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID" and len({c.total for c in left}) > 1


def _chosen(
    value: str, left: Sequence[Card], parts: Mapping[int, Sequence[Card]], *, ends: bool
) -> tuple[Card, ...] | None:
    """The cards that a mask names, in its order; it ends at -1. None: a token that names no card.

    ``ends``: it ends there too, as CUDA documents it ("only the devices whose index precedes the invalid index are
    visible"); where the first names none, it may as well be that the cards are not those that the server sees.
    """
    found: list[Card] = []
    for token in (token.strip() for token in value.split(",")):
        if token in ("", "-1"):
            break
        card = _named(token, left, parts)
        if card is None:
            return tuple(found) if ends and found else None
        if card not in found:
            found.append(card)
    return tuple(found)


def _named(token: str, left: Sequence[Card], parts: Mapping[int, Sequence[Card]]) -> Card | None:
    every = [part for card in left for part in parts[card.index]]
    numbers = NUMBERS.fullmatch(token)
    if numbers and int(numbers[1]) < len(left):
        card = left[int(numbers[1])]
        if numbers[2] is None:
            return card
        own = parts[card.index]
        return own[int(numbers[2])] if int(numbers[2]) < len(own) else None
    same = [card for card in (*left, *every) if card.uuid and card.uuid.startswith(token)] if len(token) > 4 else []
    return same[0] if len(same) == 1 else None


def less(gpus: Sequence[tuple[str, int]], taken: Sequence[int]) -> tuple[tuple[str, int], ...]:
    """The cards without what other servers of the machine take of them."""
    return tuple((name, max(size - held, 0)) for (name, size), held in zip(gpus, taken, strict=True))


def less_said(total_from: str, taken: Sequence[int], whom: str) -> str:
    """By whom the cards are told, and what is off them."""
    return f"{total_from}, less {gib(sum(taken))} of {whom}"
