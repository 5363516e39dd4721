"""What a file of the fleet tells of a model: a GGUF's header, or a Hugging Face config with its weights' sizes."""

from __future__ import annotations

import re
from collections import Counter
from json import loads
from pathlib import Path
from typing import Any

from fleethub import folders
from fleethub.clients import gguf
from fleethub.clients.hfconfig import shown_of
from fleethub.model.readings.server import ModelFile, Shown

LARGEST = 64 << 20  # bytes of a JSON file; an index of the largest models has some 10 MB
INDEX = "model.safetensors.index.json"
PART = re.compile(r"-\d{5}-of-(\d{5})\.safetensors$", re.ASCII)


class ModelShapeError(Exception):
    """The file tells nothing; the message names it and says what to do."""


def read(root: Path, name: str) -> ModelFile:
    """The facts in a file, by a path that is relative to the fleet's folder; raises ModelShapeError."""
    path = root / name
    if path.suffix.lower() == ".gguf":
        try:
            return ModelFile(*gguf.read(path))
        except gguf.GgufError as error:
            raise ModelShapeError(str(error)) from None
    shown = shown_of(_json(path))
    if shown is None:
        raise ModelShapeError(f"{path} is no config.json of a model: it names no model_type or no num_hidden_layers")
    size = _weights(path.parent)
    if 0 < size < _least(shown):
        raise ModelShapeError(
            f"the weights beside {path} are told to have {size:,} bytes, which is too little for its layers: are they "
            "pointers of git-lfs, or not whole?"
        )
    return ModelFile(shown, size)


def _least(shown: Shown) -> int:
    """Bytes that no weights of such a shape have less than: a bit for each of one square of its width in each layer."""
    arch = shown.info["general.architecture"]
    return int(shown.info[f"{arch}.block_count"]) * int(shown.info.get(f"{arch}.embedding_length", 0)) ** 2 // 8


def _json(path: Path) -> dict[str, Any]:
    try:
        if folders.kind(path) != "file":
            raise ModelShapeError(f"{path} is no file: name a .gguf or a model's config.json")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        found = loads(data) if len(data) <= LARGEST else None
    except OSError as error:
        raise ModelShapeError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ModelShapeError(f"{path} is no JSON of a model: name a .gguf or a model's config.json")
    return found


def _weights(folder: Path) -> int:
    """Bytes of the weights beside a config: the index says them, or the files are there; 0: not told."""
    index = folder / INDEX
    try:
        if folders.is_file(index):
            total = _metadata(index).get("total_size")
            if isinstance(total, bool) or not isinstance(total, int | float):
                return 0
            return int(total) if 0 < total < 1 << 50 else 0
        names = [name for name in folders.listing(folder) if name.endswith(".safetensors")]
        parts = Counter(match[1] for name in names if (match := PART.search(name)))
        for whole, there in parts.items():
            if there < int(whole):
                raise ModelShapeError(
                    f"{folder} has {there} of {int(whole)} parts of its weights: get the rest, or {INDEX}"
                )
        return sum((folder / name).stat().st_size for name in names)
    except OSError as error:
        raise ModelShapeError(f"{folder} cannot be looked at: {error.strerror or error}") from None


def _metadata(index: Path) -> dict[str, Any]:
    found = _json(index).get("metadata")
    return found if isinstance(found, dict) else {}
