"""A stand-in for an Ollama server: what is installed, what is resident, load and unload.

It has no scheduler: a load makes the model resident, whatever else is, and nothing is evicted.
``catalog`` has models for it.
"""

from __future__ import annotations

import copy
import json
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fleethub.testing.server import Answer, Refused, Request, Server

FOREVER = datetime(2319, 3, 5, tzinfo=UTC)
GIB = 1 << 30
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(slots=True)
class Resident:
    """A loaded model: sizes in bytes, context per slot, and until when it stays."""

    name: str
    size: int
    size_vram: int
    context_length: int
    expires_at: datetime


class Ollama(Server):
    """``models`` as in ``catalog``; ``vram`` in bytes, 0 is a machine without a GPU.

    ``loaded_size`` says what a load occupies (total, of it in VRAM); by default the file's size and the f16
    cache of one slot, of which as much as fits lies in VRAM, next to what is there already.
    """

    def __init__(
        self,
        models: Sequence[dict[str, Any]] = (),
        *,
        version: str = "0.32.1",
        vram: int = 48 * GIB,
        keep_alive: str | int = "5m",
        loaded_size: Callable[[dict[str, Any], int], tuple[int, int]] | None = None,
        clock: Callable[[], float] = time.monotonic,
        port: int = 0,
    ) -> None:
        super().__init__(port)
        self.models = {m["name"]: copy.deepcopy(m) for m in models}
        self.version = version
        self.vram = vram
        self.keep_alive = keep_alive
        self.loaded_size = loaded_size or self._fitting
        self.residents: dict[str, Resident] = {}
        self._clock = clock
        self._started = (datetime.now(UTC), clock())
        self._lock = threading.RLock()
        self.routes = {
            ("GET", "/"): lambda _: Answer(b"Ollama is running"),
            ("GET", "/api/version"): lambda _: Answer({"version": self.version}),
            ("GET", "/api/tags"): self._tags,
            ("GET", "/api/ps"): self._ps,
            ("POST", "/api/show"): self._show,
            ("POST", "/api/generate"): self._generate,
            ("POST", "/api/chat"): self._generate,
        }
        self.start()

    def unrouted(self, known: bool) -> Answer:
        """Plain text, as Gin writes it."""
        return Answer(b"405 method not allowed", 405) if known else Answer(b"404 page not found", 404)

    def load(self, name: str, context: int | None = None, keep_alive: str | int | None = None) -> None:
        """Make a model resident, as someone's request would."""
        model = self.models[name]
        with self._lock:
            self.residents.pop(name, None)
            length = min(context or _num_ctx(model) or self._automatic(), model["context_length"])
            size, in_vram = self.loaded_size(model, length)
            until = self._until(self.keep_alive if keep_alive is None else keep_alive)
            self.residents[name] = Resident(name, size, in_vram, length, until)

    def _now(self) -> datetime:
        wall, clock = self._started
        return wall + timedelta(seconds=self._clock() - clock)

    def _until(self, keep_alive: str | int | float) -> datetime:
        seconds = _duration(keep_alive)
        return FOREVER if seconds < 0 else self._now() + timedelta(seconds=seconds)

    def _automatic(self) -> int:
        return 262144 if self.vram >= 47 * GIB else 32768 if self.vram >= 23 * GIB else 4096

    def _fitting(self, model: dict[str, Any], context: int) -> tuple[int, int]:
        size = model["size"] + _cache_bytes(model["model_info"], context)
        free = self.vram - sum(r.size_vram for r in self.residents.values())
        return size, max(0, min(size, free))

    def _tags(self, request: Request) -> Answer:
        modified = self._started[0].isoformat()
        found = []
        for model in self.models.values():
            width = _scalar(model["model_info"], "embedding_length")
            more = {"context_length": model["context_length"], "embedding_length": width}
            entry = {key: model[key] for key in ("name", "size", "digest", "capabilities")}
            entry |= {"model": model["name"], "modified_at": modified, "details": model["details"] | more}
            found.append(entry)
        return Answer({"models": found})

    def _ps(self, request: Request) -> Answer:
        with self._lock:
            now = self._now()
            self.residents = {n: r for n, r in self.residents.items() if r.expires_at > now}
            live = sorted(self.residents.values(), key=lambda r: r.expires_at, reverse=True)
        found = []
        for resident in live:
            model = self.models[resident.name]
            entry = {key: model[key] for key in ("name", "digest", "details")} | {"model": model["name"]}
            entry |= {"size": resident.size, "size_vram": resident.size_vram}
            entry |= {
                "context_length": resident.context_length,
                "expires_at": resident.expires_at.isoformat(),
            }
            found.append(entry)
        return Answer({"models": found})

    def _show(self, request: Request) -> Answer:
        body = _body(request)
        given = body.get("model") or body.get("name")
        model = self._named(given, "model '{}' not found", tagged=True)
        info = dict(model["model_info"])
        if not body.get("verbose"):
            info = {key: None if isinstance(value, list) else value for key, value in info.items()}
        return Answer(
            {
                "modelfile": f'# Modelfile generated by "ollama show"\nFROM {model["name"]}\n',
                "parameters": model["parameters"],
                "template": "{{ .Prompt }}",
                "details": model["details"],
                "model_info": info,
                "tensors": model["tensors"],
                "capabilities": model["capabilities"],
                "modified_at": self._started[0].isoformat(),
            }
        )

    def _generate(self, request: Request) -> Answer:
        """A prompt is answered too, after the load that it causes."""
        body = _body(request)
        model = self._named(body.get("model"), "model '{}' not found", tagged=False)
        keep_alive = body.get("keep_alive")
        try:
            ends = keep_alive is not None and _duration(keep_alive) == 0
        except (ValueError, TypeError):
            raise Refused(Answer({"error": f'time: invalid duration "{keep_alive}"'}, 400)) from None
        asked = bool(body.get("prompt") or body.get("messages"))
        name, context = model["name"], (body.get("options") or {}).get("num_ctx")
        with self._lock:
            if not ends or asked:
                self._load_or_keep(name, context, keep_alive)
            if ends:
                self.residents.pop(name, None)
        reason = "stop" if asked else "unload" if ends else "load"
        text = f"hi from {name}" if asked else ""
        answer = {"model": body["model"], "created_at": self._now().isoformat(), "done": True}
        answer |= {"done_reason": reason}
        if request.path == "/api/chat":
            return Answer(answer | {"message": {"role": "assistant", "content": text}})
        return Answer(answer | {"response": text})

    def _load_or_keep(self, name: str, context: int | None, keep_alive: str | int | None) -> None:
        """Another num_ctx loads the model anew; otherwise only its stay is prolonged."""
        resident = self.residents.get(name)
        model = self.models[name]
        wanted = min(context or _num_ctx(model) or self._automatic(), model["context_length"])
        if resident and resident.context_length == wanted and resident.expires_at > self._now():
            resident.expires_at = self._until(self.keep_alive if keep_alive is None else keep_alive)
        else:
            self.load(name, context, keep_alive)

    def _named(self, given: Any, text: str, *, tagged: bool) -> dict[str, Any]:
        """The model, ``:latest`` implied; /api/show tells the tag in its error, /api/generate does not."""
        if not isinstance(given, str) or not given:
            raise Refused(Answer({"error": "model is required"}, 400))
        name = given if ":" in given else f"{given}:latest"
        if name not in self.models:
            raise Refused(Answer({"error": text.format(name if tagged else given)}, 404))
        return self.models[name]


def _body(request: Request) -> dict[str, Any]:
    if not request.body:
        raise Refused(Answer({"error": "missing request body"}, 400))
    try:
        body = json.loads(request.body)
    except ValueError as fault:
        raise Refused(Answer({"error": str(fault)}, 400)) from None
    if not isinstance(body, dict):
        raise Refused(Answer({"error": "json: cannot unmarshal into a request"}, 400))
    return body


def _duration(value: str | int | float) -> float:
    """Seconds of a number or of ``5m``, ``1h30m``, ``-1m``; ValueError for anything else."""
    if isinstance(value, (int, float)):
        return float(value)
    match = re.fullmatch(r"(-?)((?:\d+(?:\.\d+)?(?:ms|s|m|h))+|0)", value)
    if not match:
        raise ValueError(value)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", match[2])
    total = sum(float(number) * UNITS[unit] for number, unit in parts)
    return -total if match[1] else total


def _num_ctx(model: dict[str, Any]) -> int | None:
    found = re.search(r"^num_ctx\s+(\d+)$", model["parameters"], re.MULTILINE)
    return int(found[1]) if found else None


def _scalar(info: dict[str, Any], key: str) -> Any:
    return info.get(f"{info['general.architecture']}.{key}")


def _cache_bytes(info: dict[str, Any], context: int) -> int:
    """Two bytes for each key and value of each layer; windows and quantisation are left out."""
    heads, width = _scalar(info, "attention.head_count"), _scalar(info, "embedding_length")
    length = _scalar(info, "attention.key_length") or width // heads
    kv, blocks = _scalar(info, "attention.head_count_kv"), _scalar(info, "block_count")
    total = sum(kv) if isinstance(kv, list) else kv * blocks
    return int(total * length * 2 * 2 * context)
