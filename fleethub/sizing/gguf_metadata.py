"""Reads the facts of one model, written by others: every value is checked, and a hostile one is as good as none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleethub.model.readings.server import Shown, Tensor

#: No published model comes near; beyond it a number is a mistake or an attack.
LARGEST = 1 << 24


class UntoldError(Exception):
    """The facts do not tell a model's shape; the message says what is missing and what to do."""


class GgufMetadata:
    """The ``<arch>.*`` keys of a model, and its tensors by block."""

    def __init__(self, shown: Shown) -> None:
        info: Mapping[str, Any] = shown.info if isinstance(shown.info, Mapping) else {}
        arch = info.get("general.architecture")
        if not isinstance(arch, str) or not arch:
            raise UntoldError("general.architecture is missing: the model's facts were not read")
        self.info, self.arch, self.shown = info, arch, shown
        self.blocks: dict[int, dict[str, Tensor]] = {}
        for tensor in shown.tensors:
            index, part = block_of(tensor.name)
            if index is not None:
                self.blocks.setdefault(index, {})[part] = tensor
        self._parts = {part for block in self.blocks.values() for part in block}

    def raw(self, name: str) -> Any:
        """The value as it stands, None when absent or null."""
        return self.info.get(f"{self.arch}.{name}")

    def has(self, name: str) -> bool:
        """Whether the key is there, if only as null (an array that was not asked for)."""
        return f"{self.arch}.{name}" in self.info

    def count(self, name: str) -> int | None:
        """A whole number from 0 on; None when absent, null, an array or nonsense."""
        return whole(self.raw(name))

    def size(self, name: str) -> int | None:
        """A whole number from 1 on, else None."""
        return self.count(name) or None

    def largest(self, name: str) -> int | None:
        """A size, or the largest of a per-layer array."""
        value = self.raw(name)
        if isinstance(value, list | tuple):
            return max((whole(v) or 0 for v in value), default=0) or None
        return self.size(name)

    def need(self, name: str) -> int:
        """A size that nothing can stand in for; raises UntoldError."""
        value = self.size(name)
        if value is None:
            what = "is missing" if self.raw(name) is None else "is not a usable number"
            raise UntoldError(f"{self.arch}.{name} {what}")
        return value

    def per_layer(self, name: str, layers: int) -> list[int] | None:
        """A number or an array as one number per layer; None when absent, null, too short or nonsense."""
        value = self.raw(name)
        if isinstance(value, list | tuple):
            found = [whole(v) for v in value[:layers]]
            return [v for v in found if v is not None] if len(found) == layers and None not in found else None
        one = whole(value)
        return None if one is None else [one] * layers

    def any_tensor(self, *parts: str) -> bool:
        """Whether a block has a tensor whose name begins with one of ``parts``."""
        return any(name.startswith(parts) for name in self._parts)


def whole(value: Any) -> int | None:
    """A whole number in the range that a model may have (floats of whole value too), else None."""
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST:
        value = int(value)
    return value if type(value) is int and 0 <= value <= LARGEST else None


def block_of(name: str) -> tuple[int | None, str]:
    """``blk.7.attn_k.weight`` is (7, "attn_k.weight"); any other tensor's name is (None, name)."""
    if name.startswith("blk."):
        _, number, part = (*name.split(".", 2), "", "")[:3]
        if number.isascii() and number.isdigit() and len(number) < 6:
            return int(number), part
    return None, name
