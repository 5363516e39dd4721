"""Sizes of quantised weights and caches: block sizes of GGML's tensor types, bits per weight of a file's label."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

#: GGML tensor type -> (elements in a block, bytes of a block).
BLOCKS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        **{"F64": (1, 8), "F32": (1, 4), "F16": (1, 2), "BF16": (1, 2)},
        **{"I64": (1, 8), "I32": (1, 4), "I16": (1, 2), "I8": (1, 1)},
        **{"Q4_0": (32, 18), "Q4_1": (32, 20), "Q5_0": (32, 22), "Q5_1": (32, 24), "Q8_0": (32, 34), "Q8_1": (32, 40)},
        **{"Q2_K": (256, 84), "Q3_K": (256, 110), "Q4_K": (256, 144), "Q5_K": (256, 176), "Q6_K": (256, 210)},
        **{"Q8_K": (256, 292), "IQ1_S": (256, 50), "IQ1_M": (256, 56), "IQ2_XXS": (256, 66), "IQ2_XS": (256, 74)},
        **{"IQ2_S": (256, 82), "IQ3_XXS": (256, 98), "IQ3_S": (256, 110), "IQ4_NL": (32, 18), "IQ4_XS": (256, 136)},
        **{"TQ1_0": (256, 54), "TQ2_0": (256, 66), "MXFP4": (32, 17), "NVFP4": (64, 36), "Q1_0": (128, 18)},
    }
)
#: Bits per weight over the whole file (measured averages; dynamic files of one label differ by several %).
BITS: Mapping[str, float] = MappingProxyType(
    {
        **{"F32": 32.0, "F16": 16.0, "BF16": 16.0, "Q8_0": 8.5, "Q6_K": 6.56, "Q5_K_M": 5.7, "Q5_K_S": 5.52},
        **{"Q5_1": 6.0, "Q5_0": 5.6, "Q4_1": 5.1, "Q4_K_M": 4.85, "Q4_K_S": 4.68, "Q4_0": 4.6, "IQ4_NL": 4.6},
        **{"IQ4_XS": 4.32, "MXFP4": 4.25, "Q3_K_L": 4.3, "Q3_K_M": 4.0, "Q3_K_S": 3.6, "IQ3_S": 3.6, "IQ3_XXS": 3.3},
        **{"Q2_K": 3.3, "IQ2_M": 2.9, "IQ2_XS": 2.5, "IQ2_XXS": 2.3, "IQ1_M": 1.9, "IQ1_S": 1.67},
    }
)
#: KV cache type -> bytes per element; each is a block of 32 with its scale.
KV_BYTES: Mapping[str, float] = MappingProxyType(
    {
        **{"f32": 4.0, "f16": 2.0, "bf16": 2.0, "q8_0": 1.0625, "q5_1": 0.75, "q5_0": 0.6875},
        **{"q4_1": 0.625, "q4_0": 0.5625, "iq4_nl": 0.5625},
    }
)


def tensor_bytes(kind: str, shape: Sequence[int]) -> int | None:
    """Bytes of one tensor: its rows (the first dimension) in whole blocks. None: an unknown type or no such shape."""
    block = BLOCKS.get(kind.upper())
    if block is None or not shape or any(type(n) is not int or n <= 0 for n in shape):
        return None
    row, rest = shape[0], shape[1:]
    total = -(-row // block[0]) * block[1]
    for n in rest:
        total *= n
    return total


def bits_per_weight(label: str) -> tuple[float, bool]:
    """Average bits per weight of a file with this label, and whether the label is known (else the careful 8.5).

    ``UD-`` (dynamic) files and the sizes ``_L`` and ``_XL`` of a known base get 6 % more than the base.
    """
    name = re.sub(r"[^A-Z0-9_]", "", label.upper().split("(")[0].strip().removeprefix("UD-"))
    if name in BITS:
        return BITS[name], True
    base = re.sub(r"_(XL|L|M|S|XS)$", "", name)
    for candidate in (f"{base}_M", f"{base}_S", base):
        if candidate in BITS:
            return round(BITS[candidate] * 1.06, 3), True
    return BITS["Q8_0"], False


def kv_element(kind: str) -> float:
    """Bytes of one element of a KV cache; an unknown type counts as f16, which is what servers fall back to."""
    return KV_BYTES.get(kind.lower(), KV_BYTES["f16"])
