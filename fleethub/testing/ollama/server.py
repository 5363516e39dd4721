"""Ollama's API over the scheduler: what is installed, what is resident, load, answer and unload."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from fleethub.testing.ollama.library import Library
from fleethub.testing.ollama.scheduler import Scheduler
from fleethub.testing.ollama.settings import FOREVER, GIB, Settings, duration
from fleethub.testing.ollama.shape import shape_of
from fleethub.testing.ollama.size import Truth
from fleethub.testing.ollama.values import Gpu, Loaded, Outcome
from fleethub.testing.server import Answer, Refused, Request, Server

YEAR_2319 = datetime(2319, 3, 5, tzinfo=UTC)
NDJSON = {"Content-Type": "application/x-ndjson"}
READ = 2 * GIB  # bytes of a model's file that a load reads in a second


class Ollama(Server):
    """``models`` as in ``catalog``; ``vram`` in bytes, 0 is a machine without a GPU, or several ``gpus``.

    ``settings``: its OLLAMA_* environment; ``keep_alive`` as OLLAMA_KEEP_ALIVE where that has none.
    ``library``: what it can pull, and onto which disk. ``truth`` as in Scheduler. A request that waits for a model in
    use longer than ``patience`` seconds gets 503. A load takes no time; what it would take is in the answer's
    ``load_duration``.
    """

    def __init__(
        self,
        models: Sequence[dict[str, Any]] = (),
        *,
        version: str = "0.32.1",
        vram: int = 48 * GIB,
        gpus: Sequence[Gpu | int] | None = None,
        settings: Mapping[str, str] | None = None,
        keep_alive: str | int = "5m",
        truth: Truth | None = None,
        truths: Mapping[str, Truth] | None = None,
        patience: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        port: int = 0,
        library: Library | None = None,
    ) -> None:
        super().__init__(port)
        self.models = {m["name"]: m | {"model_info": dict(m["model_info"])} for m in models}
        self.library = library or Library()
        self._shown = dict(self.models)  # what is loaded is told of after its name is gone, too
        self.version = version
        self.patience = patience
        env = {"OLLAMA_KEEP_ALIVE": str(keep_alive)} | dict(settings or {})
        given = gpus if gpus is not None else [vram] if vram else []
        self.scheduler = Scheduler(
            (), given, Settings.of(env), version=version, truth=truth, truths=truths, clock=clock
        )
        self._clock = clock
        self._started = (datetime.now(UTC), clock())
        self._changed = threading.Condition(threading.RLock())
        self._waited: dict[int, Outcome] = {}
        self.routes = {
            ("GET", "/"): lambda _: Answer(b"Ollama is running"),
            ("GET", "/api/version"): lambda _: Answer({"version": self.version}),
            ("GET", "/api/tags"): self._tags,
            ("GET", "/api/ps"): self._ps,
            ("POST", "/api/show"): self._show,
            ("POST", "/api/generate"): self._generate,
            ("POST", "/api/chat"): self._generate,
            ("POST", "/api/embed"): self._embed,
            ("POST", "/api/pull"): self._pull,
            ("DELETE", "/api/delete"): self._delete,
        }
        self.start()

    @property
    def residents(self) -> dict[str, Loaded]:
        """What is loaded, by name; may be cleared."""
        return self.scheduler.residents

    def unrouted(self, known: bool) -> Answer:
        """Plain text, as Gin writes it."""
        return Answer(b"405 method not allowed", 405) if known else Answer(b"404 page not found", 404)

    def load(self, name: str, context: int | None = None, keep_alive: str | int | None = None) -> Outcome:
        """Have a model loaded, as someone's request would."""
        with self._changed:
            self._known(self.models[name])
            return self.scheduler.request(name, context, keep_alive=keep_alive)

    @contextmanager
    def using(self, name: str) -> Iterator[None]:
        """A resident is in use, as by a long answer."""
        with self._changed:
            self.scheduler.hold(name)
        try:
            yield
        finally:
            self._done(name)

    def _done(self, name: str) -> None:
        with self._changed:
            if self.scheduler.resident(name):
                self._told(self.scheduler.done(name))

    def _told(self, served: Sequence[Outcome]) -> None:
        self._waited |= {outcome.ticket: outcome for outcome in served}
        self._changed.notify_all()

    def _known(self, model: dict[str, Any]) -> None:
        """Shapes are read when they are needed: most servers of a test never load anything."""
        if model["name"] not in self.scheduler.shapes:
            self.scheduler.shapes[model["name"]] = shape_of(model)

    def _now(self) -> datetime:
        wall, clock = self._started
        return wall + timedelta(seconds=self._clock() - clock)

    def _until(self, resident: Loaded) -> datetime:
        wall, clock = self._started
        return YEAR_2319 if resident.expires == FOREVER else wall + timedelta(seconds=resident.expires - clock)

    def _tags(self, request: Request) -> Answer:
        modified = self._started[0].isoformat()
        found = []
        for model in self.models.values():
            info = model["model_info"]
            width = info.get(f"{info['general.architecture']}.embedding_length")
            more = {"context_length": model["context_length"], "embedding_length": width}
            entry = {key: model[key] for key in ("name", "size", "digest", "capabilities")}
            entry |= {"model": model["name"], "modified_at": modified, "details": model["details"] | more}
            entry |= {key: model[key] for key in ("remote_model", "remote_host") if key in model}
            found.append(entry)
        return Answer({"models": found})

    def _ps(self, request: Request) -> Answer:
        with self._changed:
            self.scheduler.sweep()
            live = sorted(self.residents.values(), key=lambda r: r.expires, reverse=True)
        found = []
        for resident in live:
            model = self._shown[resident.name]
            entry = {key: model[key] for key in ("name", "digest", "details")} | {"model": model["name"]}
            entry |= {"size": resident.size, "size_vram": resident.size_vram}
            entry |= {"context_length": resident.context_length, "expires_at": self._until(resident).isoformat()}
            found.append(entry)
        return Answer({"models": found})

    def _show(self, request: Request) -> Answer:
        body = _body(request)
        model = self._named(body.get("model") or body.get("name"), tagged=True)
        info = dict(model["model_info"])
        if not body.get("verbose"):
            info = {key: None if isinstance(value, list) else value for key, value in info.items()}
        shown = {
            "modelfile": _modelfile(model),
            "parameters": model["parameters"],
            "template": "{{ .Prompt }}",
            "details": model["details"],
            "model_info": info,
            "tensors": model["tensors"],
            "capabilities": model["capabilities"],
            "modified_at": self._started[0].isoformat(),
        }
        if "projector_info" in model:
            shown["projector_info"] = model["projector_info"]
        return Answer(shown)

    def _generate(self, request: Request) -> Answer:
        """A prompt is answered too, after the load that it causes."""
        body = _body(request)
        model = self._named(body.get("model"), tagged=False)
        keep_alive = body.get("keep_alive")
        try:
            ends = keep_alive is not None and duration(keep_alive) == 0
        except (ValueError, TypeError):
            raise Refused(Answer({"error": f'time: invalid duration "{keep_alive}"'}, 400)) from None
        asked = bool(body.get("prompt") or body.get("messages"))
        if ends and not asked:  # before anybody looks at what the model can do
            with self._changed:
                self._told(self.scheduler.unload(model["name"]))
            outcome = None
        else:
            if "completion" not in model["capabilities"]:
                error = f'"{body["model"]}" does not support {request.path.rpartition("/")[2]}'
                raise Refused(Answer({"error": error}, 400))
            outcome = self._scheduled(model, _options(body), keep_alive)
            self._done(model["name"])
        reason = "stop" if asked else "unload" if ends else "load"
        answer = {"model": body["model"], "created_at": self._now().isoformat(), "done": True, "done_reason": reason}
        if asked and outcome:
            slow = outcome.what in ("loaded", "reloaded")
            answer["load_duration"] = int(model["size"] / READ * 1e9) if slow else 20_000_000
        text = f"hi from {model['name']}" if asked else ""
        if request.path == "/api/chat":
            return Answer(answer | {"message": {"role": "assistant", "content": text}})
        return Answer(answer | {"response": text})

    def _embed(self, request: Request) -> Answer:
        """Without an input it loads, whatever the model can do."""
        body = _body(request)
        model = self._named(body.get("model"), tagged=False)
        self._scheduled(model, _options(body), body.get("keep_alive"))
        self._done(model["name"])
        return Answer({"model": body["model"], "embeddings": [[0.0]] if body.get("input") else []})

    def _pull(self, request: Request) -> Answer:
        body = _body(request)
        given = body.get("model") or body.get("name")
        if not isinstance(given, str) or not given:
            raise Refused(Answer({"error": "invalid model name"}, 400))
        name = given if ":" in given else f"{given}:latest"

        def there(model: dict[str, Any]) -> None:
            with self._changed:
                self.models[name] = self._shown[name] = model | {"model_info": dict(model["model_info"])}
                self.scheduler.shapes.pop(name, None)

        return Answer(self.library.pull(name, self.models.values(), there), headers=NDJSON)

    def _delete(self, request: Request) -> Answer:
        body = _body(request)
        given = body.get("model") or body.get("name")
        name = given if isinstance(given, str) and ":" in given else f"{given}:latest"
        with self._changed:
            if self.models.pop(name, None) is None:
                raise Refused(Answer({"error": f"model '{given}' not found"}, 404))
        self.library.freed(name, self.models.values())
        return Answer(b"")

    def _scheduled(self, model: dict[str, Any], options: dict[str, Any], keep_alive: str | int | None) -> Outcome:
        """The request's outcome, after its wait; 503 and 500 as the real one answers them."""
        with self._changed:
            self._known(model)
            outcome = self.scheduler.request(model["name"], options.get("num_ctx"), options, keep_alive, busy=True)
            if outcome.what == "queued":
                ticket = outcome.ticket
                if not self._changed.wait_for(lambda: ticket in self._waited, self.patience):
                    self._told(self.scheduler.cancel(ticket))
                    raise Refused(Answer({"error": BUSY}, 503))
                outcome = self._waited.pop(ticket)
        if outcome.what == "refused":
            raise Refused(Answer({"error": BUSY}, 503))
        if outcome.what == "failed":
            error = "llama-server process has terminated: cudaMalloc failed: out of memory"
            raise Refused(Answer({"error": error}, 500))
        return outcome

    def _named(self, given: Any, *, tagged: bool) -> dict[str, Any]:
        """The model, ``:latest`` implied; /api/show tells the tag in its error, /api/generate does not."""
        if not isinstance(given, str) or not given:
            raise Refused(Answer({"error": "model is required"}, 400))
        name = given if ":" in given else f"{given}:latest"
        if name not in self.models:
            raise Refused(Answer({"error": f"model '{name if tagged else given}' not found"}, 404))
        return self.models[name]


def _modelfile(model: dict[str, Any]) -> str:
    """As the real one writes it: the files by their blobs, the weights first, then the rest."""
    store = "/usr/share/ollama/.ollama/models/blobs/sha256-"
    files = [f"FROM {store}{model.get('weights', model['digest'])}"]
    files += [f"{word.upper()} {store}{digest}" for word, digest in model.get("beside", ())]
    head = '# Modelfile generated by "ollama show"\n# To build a new Modelfile based on this, replace FROM with:\n'
    return f"{head}# FROM {model['name']}\n\n" + "\n".join(files) + '\nTEMPLATE """{{ .Prompt }}"""\n'


BUSY = "server busy, please try again.  maximum pending requests exceeded"


def _options(body: dict[str, Any]) -> dict[str, Any]:
    options = body.get("options") or {}
    for key in ("num_ctx", "num_batch", "num_gpu"):
        value = options.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise Refused(Answer({"error": f'option "{key}" must be of type integer'}, 400))
    return {
        key: int(value) if key.startswith("num_") and value is not None else value for key, value in options.items()
    }


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
