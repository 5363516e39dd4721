"""One model of the catalog, as the stand-in Ollama holds it."""

from __future__ import annotations

import hashlib
from math import prod
from typing import Any

from fleethub.testing.catalog.tensors import tensor_bytes

Model = dict[str, Any]
METADATA = 6_000_000  # of a GGUF file: mostly its vocabulary
#: A part of a vocabulary. The real ones have up to 262 144 entries, which would only slow the tests.
TOKENS = [f"tok{n:04x}" for n in range(4096)]
MERGES = [f"{a[:3]} {a[3:]}" for a in TOKENS]
TYPES = [1] * len(TOKENS)


def model(
    name: str,
    arch: str,
    quant: tuple[str, int],
    label: str,
    numbers: dict[str, Any],
    tensors: list[Model],
    *,
    size: int | None = None,
    count: int | None = None,
    capabilities: tuple[str, ...],
    settings: str = "",
    projector: tuple[int, dict[str, Any]] | None = None,
) -> Model:
    """``numbers`` are the keys of model_info without the architecture's prefix, ``quant`` its label and number.

    ``size`` and ``count`` are those of the published file; without them they follow from the tensors.
    ``projector``: size in bytes and keys of a vision part in a file of its own, which ``size`` does not hold;
    the model's whole size does, as Ollama adds up its blobs.
    """
    info: Model = {
        "general.architecture": arch,
        "general.parameter_count": count or sum(prod(t["shape"]) for t in tensors),
        "general.file_type": quant[1],
        "general.quantization_version": 2,
        **{f"{arch}.{key}": value for key, value in numbers.items()},
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": TOKENS,
        "tokenizer.ggml.merges": MERGES,
        "tokenizer.ggml.token_type": TYPES,
    }
    file = size or sum(map(tensor_bytes, tensors)) + METADATA
    made: Model = {
        "name": name,
        "size": file + (projector[0] if projector else 0),
        "digest": hashlib.sha256(name.encode()).hexdigest(),
        "details": {
            "parent_model": "",
            "format": "gguf",
            "family": arch,
            "families": [arch],
            "parameter_size": label,
            "quantization_level": quant[0],
        },
        "model_info": info,
        "parameters": settings,
        "tensors": tensors,
        "capabilities": list(capabilities),
        "context_length": numbers["context_length"],
    }
    if projector:
        made |= {"projector_info": projector[1], "projector_size": projector[0]}
    return made


def created(base: Model, name: str, parameters: str = "", *, beside: tuple[tuple[str, str], ...] = ()) -> Model:
    """A name FROM another one, as ``ollama create`` makes it: the same file of weights, other settings.

    ``beside``: ("adapter", digest) and ("from", a projector's digest).
    """
    weights = base.get("weights", base["digest"])
    digest = hashlib.sha256(f"{name} from {weights}".encode()).hexdigest()
    return base | {
        **{"name": name, "digest": digest, "weights": weights, "beside": beside},
        "parameters": "\n".join(filter(None, (base["parameters"], parameters))),
    }


def cloud(name: str, of: str) -> Model:
    """A name that Ollama's cloud answers: a manifest of some hundred bytes, and no weights."""
    about = {"parent_model": "", "format": "", "family": "", "families": None}
    return {
        **{"name": name, "size": 384, "digest": hashlib.sha256(name.encode()).hexdigest()},
        "details": about | {"parameter_size": "", "quantization_level": ""},
        **{"model_info": {"general.architecture": ""}, "tensors": [], "parameters": "", "context_length": 131072},
        **{"capabilities": ["completion", "tools"], "remote_model": of, "remote_host": "https://ollama.com:443"},
    }


def numbers(
    blocks: int,
    context: int,
    width: int,
    inner: int,
    heads: int,
    kv: int | list[int] | None,
    key: int | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The usual keys; ``a__b`` in ``more`` stands for ``a.b``."""
    base: dict[str, Any] = {
        "block_count": blocks,
        "context_length": context,
        "embedding_length": width,
        "feed_forward_length": inner,
        "attention.head_count": heads,
    }
    if kv is not None:
        base["attention.head_count_kv"] = kv
    if key is not None:
        base |= {"attention.key_length": key, "attention.value_length": key}
    return base | {name.replace("__", "."): value for name, value in more.items()}
