"""Bits per weight of the usual quantisations."""

from __future__ import annotations

#: Bits per weight over the whole file (measured averages; a dynamic quant of one label differs by several %).
BITS = {
    "F32": 32.0,
    "F16": 16.0,
    "BF16": 16.0,
    "Q8_0": 8.5,
    "Q6_K": 6.56,
    "Q5_K_M": 5.7,
    "Q5_K_S": 5.52,
    "Q4_K_M": 4.85,
    "Q4_K_S": 4.68,
    "Q4_0": 4.6,
    "IQ4_XS": 4.32,
    "MXFP4": 4.25,
    "Q3_K_M": 4.0,
    "Q2_K": 3.3,
    "IQ1_S": 1.67,
}
#: Bytes per element of a KV cache type.
KV_BYTES = {
    "f32": 4.0,
    "f16": 2.0,
    "bf16": 2.0,
    "q8_0": 1.0625,
    "q5_1": 0.75,
    "q5_0": 0.6875,
    "q4_1": 0.625,
    "q4_0": 0.5625,
    "iq4_nl": 0.5625,
}
