"""What an Ollama can pull, and the disk that it comes onto: the lines of /api/pull, as its source writes them.

Pieces of a layer that was broken off stay on the disk, and the next pull goes on from there. A layer that another
model has already is not pulled again, and one that no model needs any more is freed with the last that did.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

CONFIG = 485  # bytes of a model's smallest layer
STORE = "/usr/share/ollama/.ollama/models/blobs/sha256-"


@dataclass(slots=True)
class Library:
    """``models`` by name. ``free`` bytes of the disk; None: endless. ``corrupt``: names whose weights come damaged.

    ``pieces``: lines while one layer comes. ``before`` is called with each line before it is sent.
    """

    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    free: int | None = None
    corrupt: set[str] = field(default_factory=set)
    pieces: int = 4
    before: Callable[[dict[str, Any]], None] | None = None
    partial: dict[str, int] = field(default_factory=dict)
    _mine: dict[str, list[tuple[str, int]]] = field(default_factory=dict)

    def pull(
        self, name: str, installed: Iterable[dict[str, Any]], there: Callable[[dict[str, Any]], None]
    ) -> Iterator[bytes]:
        """The lines; ``there`` is told the model once its manifest is written."""
        for line in self._lines(name, [*installed], there):
            if self.before is not None:
                self.before(line)
            yield json.dumps(line, separators=(",", ":")).encode() + b"\n"

    def freed(self, name: str, left: Iterable[dict[str, Any]]) -> None:
        """A name is gone: what no other needs goes from the disk."""
        kept = {digest for model in left for digest, _ in layers(model)}
        for digest, size in self._mine.pop(name, []):
            if digest not in kept and self.free is not None:
                self.free += size

    def _lines(
        self, name: str, installed: list[dict[str, Any]], there: Callable[[dict[str, Any]], None]
    ) -> Iterator[dict[str, Any]]:
        yield {"status": "pulling manifest"}
        model = self.models.get(name)
        if model is None:
            yield {"error": "pull model manifest: file does not exist"}
            return
        known = {digest for one in installed for digest, _ in layers(one)}
        wanted = layers(model)
        for digest, size in wanted:
            line = {"status": f"pulling {digest[:12]}", "digest": f"sha256:{digest}", "total": size}
            if digest in known:
                yield line | {"completed": size}
                continue
            while (done := self.partial.get(digest, 0)) < size:
                yield line | ({"completed": done} if done else {})
                step = min(-(-size // self.pieces), size - done)
                if self.free is not None and step > self.free:
                    self.partial[digest], self.free = done + self.free, 0
                    yield {"error": f"write {STORE}{digest}-partial: no space left on device"}
                    return
                self.free = None if self.free is None else self.free - step
                self.partial[digest] = done + step
            yield line | {"completed": size}
        yield {"status": "verifying sha256 digest"}
        first, size = wanted[0]
        if name in self.corrupt:
            self.free = None if self.free is None else self.free + size
            self.partial.pop(first, None)
            got = hashlib.sha256(b"damaged").hexdigest()
            says = f"digest mismatch, file must be downloaded again: want sha256:{first}, got sha256:{got}"
            yield {"error": says}
            return
        yield {"status": "writing manifest"}
        for digest, _ in wanted:
            self.partial.pop(digest, None)
        self._mine[name] = [(digest, size) for digest, size in wanted if digest not in known]
        there(model)
        yield {"status": "success"}


def layers(model: dict[str, Any]) -> list[tuple[str, int]]:
    """(digest in hex, bytes): the weights first, then the config."""
    config = hashlib.sha256(f"config {model['digest']}".encode()).hexdigest()
    return [(model.get("weights", model["digest"]), model["size"] - CONFIG), (config, CONFIG)]
