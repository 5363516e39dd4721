"""Ollama's scheduler: what a request does to the models that are loaded. No network and no threads.

Time moves with ``clock`` only; without one it stands still. A model is in use from a ``busy`` request until
``done``; requests that must wait for one queue up, first come first served.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from fleethub.testing.ollama.eras import Decision, Load, by_engine, by_llama_server
from fleethub.testing.ollama.settings import GIB, Settings, duration, era_of, number_of
from fleethub.testing.ollama.shape import Shape, shape_of
from fleethub.testing.ollama.size import Truth
from fleethub.testing.ollama.values import Asked, Event, Gpu, Loaded, Outcome

STEPS = (262144, 32768, 4096)
#: Options of a request that belong to the runner; all others (temperature, ...) load nothing anew.
RUNNER = ("num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "draft_num_predict")


class Scheduler:
    """``models`` as in ``catalog``, or shapes of them. ``residents`` by name; ``log`` of what happened.

    ``truths`` say for single models where in the measured ranges their loads lie, ``truth`` for all others.
    """

    def __init__(
        self,
        models: Iterable[dict[str, Any] | Shape],
        gpus: Sequence[Gpu | int],
        settings: Settings | Mapping[str, str] | None = None,
        *,
        version: str = "0.32.1",
        truth: Truth | None = None,
        truths: Mapping[str, Truth] | None = None,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        shapes = [m if isinstance(m, Shape) else shape_of(m) for m in models]
        self.shapes = {shape.name: shape for shape in shapes}
        self.gpus = [Gpu(g) if isinstance(g, int) else g for g in gpus]
        self.settings = settings if isinstance(settings, Settings) else Settings.of(settings or {})
        self.version = version
        self.era = era_of(version)
        self.number = number_of(version)
        self.truth, self.truths = truth or Truth(), dict(truths or {})
        self.residents: dict[str, Loaded] = {}
        self.queue: list[Asked] = []
        self.log: list[Event] = []
        self.clock = clock
        self._tickets = 0

    @property
    def max_loaded(self) -> int:
        """How many models may be loaded at once."""
        return self.settings.max_loaded_models or 3 * max(1, len(self.gpus))

    @property
    def automatic(self) -> int:
        """The context of a model for which nobody set any."""
        if self.number < (0, 15, 5):
            return 4096
        total = sum(gpu.total - self.settings.gpu_overhead for gpu in self.gpus)
        return 262144 if total >= 47 * GIB else 32768 if total >= 23 * GIB else 4096

    def request(
        self,
        model: str,
        num_ctx: int | None = None,
        options: Mapping[str, Any] | None = None,
        keep_alive: str | float | None = None,
        busy: bool = False,
    ) -> Outcome:
        """Have a model answer, or be loaded. KeyError: not installed. ``busy``: in use until ``done``."""
        self.sweep()
        self._tickets += 1
        stay = None if keep_alive is None else duration(keep_alive)
        asked = Asked(self._tickets, self.shapes[model], num_ctx, options or {}, stay, busy)
        if self.queue:
            return self._queued(asked, self.queue[0].shape.name)
        return self._served(asked)

    def done(self, model: str) -> list[Outcome]:
        """One use of a model has ended; answers the outcomes of requests that waited for it."""
        before = len(self.residents)
        self.sweep()
        resident = self._there(model)
        resident.uses -= 1
        if not resident.uses:
            resident.expires = self.clock() + resident.stay
            if resident.doomed or not resident.stay:
                self._drop(resident)
        # That a model became idle wakes nobody; that one was unloaded does.
        return self._drained() if len(self.residents) < before else []

    def hold(self, model: str) -> None:
        """A resident comes into use without a request of its own."""
        self._there(model).uses += 1

    def resident(self, model: str) -> Loaded | None:
        """The process that serves a model: one for a file of weights, by whichever name it was loaded."""
        path = self.shapes[model].path if model in self.shapes else None
        return next((r for r in self.residents.values() if self.shapes[r.name].path == path), None)

    def _there(self, model: str) -> Loaded:
        found = self.resident(model)
        if found is None:
            raise KeyError(model)
        return found

    def unload(self, model: str) -> list[Outcome]:
        """What keep_alive 0 does: at once, or after its last use; answers the outcomes of those that waited."""
        resident = self.resident(model)
        if resident and resident.uses:
            resident.stay = 0.0
        elif resident:
            del self.residents[resident.name]
            self.log.append(Event("unloaded", model))
            return self._drained()
        return []

    def cancel(self, ticket: int) -> list[Outcome]:
        """Whoever waits has gone away; answers the outcomes of those that had waited behind."""
        self.queue = [asked for asked in self.queue if asked.ticket != ticket]
        return self._drained()

    def sweep(self) -> None:
        """Unload what nobody used for as long as it was to stay."""
        now = self.clock()
        for resident in [r for r in self.residents.values() if not r.uses and r.expires <= now]:
            del self.residents[resident.name]
            self.log.append(Event("expired", resident.name))

    def really_free(self, gpu: int) -> int:
        """What the driver reports as free."""
        taken = sum(r.taken.get(gpu, 0) for r in self.residents.values())
        return self.gpus[gpu].total - self.gpus[gpu].foreign - taken

    def free(self, gpu: int) -> int:
        """What the scheduler counts with: the smaller of what is reported and what its residents leave."""
        tracked = self.gpus[gpu].total - sum(r.tracked.get(gpu, 0) for r in self.residents.values())
        return max(0, min(self.really_free(gpu), tracked))

    def context_of(self, model: str, num_ctx: int | None = None) -> tuple[int, bool]:
        """Context per slot that a request gets, and whether it is the automatic one."""
        shape = self.shapes[model]
        given = num_ctx or shape.num_ctx or self.settings.context_length
        context = given or self.automatic
        return self._clamped(shape, context), not given

    def _clamped(self, shape: Shape, context: int) -> int:
        if shape.arch in ("gptoss", "gpt-oss") and (0, 11, 4) <= self.number < (0, 15, 5):
            context = max(context, 8192) if sum(gpu.total for gpu in self.gpus) >= 20 * GIB else context
        return min(max(context, 2048) if shape.vision else context, shape.limit)

    def _served(self, asked: Asked) -> Outcome:
        found = self._tried(asked)
        return found if isinstance(found, Outcome) else self._queued(asked, found)

    def _queued(self, asked: Asked, waits_for: str) -> Outcome:
        name = asked.shape.name
        if len(self.queue) >= self.settings.max_queue:
            self.log.append(Event("refused", name, "maximum pending requests exceeded"))
            return Outcome("refused", name, asked.ticket)
        self.queue.append(asked)
        self.log.append(Event("queued", name, waits_for))
        return Outcome("queued", name, asked.ticket, waits_for=waits_for, evicted=tuple(asked.evicted))

    def _drained(self) -> list[Outcome]:
        served = []
        while self.queue:
            found = self._tried(self.queue[0])
            if not isinstance(found, Outcome):
                break
            del self.queue[0]
            served.append(found)
        return served

    def _tried(self, asked: Asked) -> Outcome | str:
        """An outcome, or the name of the model in use that has to go first."""
        shape, name = asked.shape, asked.shape.name
        while True:
            context, automatic = self.context_of(name, asked.num_ctx)
            runner = (context, *(_option(asked, key) for key in RUNNER), shape.beside)
            resident = self.resident(name)
            if resident and resident.asked == runner and not resident.doomed:
                return self._kept(asked, resident)
            if resident:
                asked.before = resident.context_length
                if not self._gone(resident, asked):
                    return resident.name
                continue
            if len(self.residents) >= self.max_loaded:
                victim = self._victim()
                if not self._gone(victim, asked):
                    return victim.name
                continue
            tried = self._clamped(shape, asked.stepped[-1]) if asked.stepped else context
            load = self._load(asked, tried)
            decision = self._decided(load, asked.backoff)
            if self.residents and decision and not decision.fits:
                victim = self._victim()
                if not self._gone(victim, asked):
                    return victim.name
                continue
            if decision and self._overflows(decision):
                if self.era != "llama-server" and asked.backoff < 0.95:
                    asked.backoff += 0.1
                    continue
                lower = [step for step in STEPS if step < tried]
                if automatic and lower:
                    asked.stepped.append(lower[0])
                    self.log.append(Event("stepped", name, (tried, self._clamped(shape, lower[0]))))
                    continue
                if self.residents and not asked.cleared:
                    waiting = [r.name for r in list(self.residents.values()) if not self._gone(r, asked)]
                    if waiting:
                        return waiting[0]
                    asked.cleared = True
                    continue
                self.log.append(Event("failed", name, "out of memory"))
                return Outcome("failed", name, asked.ticket, evicted=tuple(asked.evicted))
            return self._loaded(asked, load, decision, runner)

    def _load(self, asked: Asked, context: int) -> Load:
        shape = asked.shape
        flash = self.settings.flash_attention
        flash = flash if flash is not None else self.era != "estimate"
        return Load(
            shape,
            context,
            1 if shape.single else self.settings.num_parallel,
            self.settings.kv_cache_type if flash else "f16",  # a quantised cache needs flash attention
            flash,
            self.truths.get(shape.name, self.truth),
            _option(asked, "num_gpu"),
            _option(asked, "num_batch"),
        )

    def _decided(self, load: Load, backoff: float) -> Decision | None:
        """None on a machine without a GPU: the CPU takes everything."""
        if not self.gpus:
            return None
        indexes = range(len(self.gpus))
        free = [self.free(g) for g in indexes]
        if self.era == "llama-server":
            real = [max(0, self.really_free(g)) for g in indexes]
            return by_llama_server(load, free, real, [g.total for g in self.gpus], self.settings)
        return by_engine(load, free, self.settings, backoff, estimated=self.era == "estimate")

    def _overflows(self, decision: Decision) -> bool:
        taken = decision.split.taken(decision.true)
        return any(t > max(0, self.really_free(g)) for g, t in zip(decision.gpus, taken, strict=True))

    def _kept(self, asked: Asked, resident: Loaded) -> Outcome:
        if asked.keep_alive is not None:
            resident.stay = asked.keep_alive
        resident.expires = self.clock() + resident.stay
        resident.uses += asked.busy
        return self._outcome("kept", asked, resident)

    def _loaded(self, asked: Asked, load: Load, decision: Decision | None, runner: tuple[Any, ...]) -> Outcome:
        name = asked.shape.name
        stay = self.settings.keep_alive if asked.keep_alive is None else asked.keep_alive
        if decision is None:
            true = load.size(load.batch, 0, self.era == "llama-server")
            size, in_vram, spilled, batch = sum(true.items) + true.compute + true.host, 0, 0, true.batch
            gpus: tuple[int, ...] = ()
            tracked, taken = Counter[int](), Counter[int]()
        else:
            how, true, shown, gpus = decision.split, decision.true, decision.shown, decision.gpus
            buffers = how.buffers(shown)
            if self.era != "llama-server" and how.projector:
                buffers[0] += shown.projector
            in_vram, batch, spilled = sum(buffers), true.batch, how.spilled(true)
            left = sum(shown.items[: len(shown.items) - sum(how.layers)])
            size = in_vram + (left + shown.host if left else 0)
            tracked = Counter(dict(zip(gpus, buffers, strict=True)))
            taken = Counter(dict(zip(gpus, how.taken(true), strict=True)))
        self.residents[name] = resident = Loaded(
            *(name, size, in_vram, load.context, runner, gpus, tracked, taken, spilled, load.parallel, batch),
            stay=stay,
            expires=self.clock() + stay,
            uses=int(asked.busy),
        )
        self.log.append(Event("loaded", name, gpus))
        if spilled:
            self.log.append(Event("spilled", name, spilled))
        return self._outcome("loaded" if asked.before is None else "reloaded", asked, resident)

    def _outcome(self, what: str, asked: Asked, resident: Loaded) -> Outcome:
        return Outcome(
            *(what, resident.name, asked.ticket, resident.context_length, tuple(asked.evicted), resident.gpus),
            *(dict(resident.taken), resident.size, resident.size_vram, resident.spilled, tuple(asked.stepped)),
        )

    def _victim(self) -> Loaded:
        """By keep_alive, then path: the first that is idle; the first of all if none is. Size never matters."""
        order = sorted(self.residents.values(), key=lambda r: (r.stay, self.shapes[r.name].path))
        return next((r for r in order if not r.uses), order[0])

    def _gone(self, resident: Loaded, asked: Asked) -> bool:
        """Unload it for a request; False while it is in use, and it goes when that ends."""
        if asked.shape.name != resident.name and resident.name not in asked.evicted:
            asked.evicted.append(resident.name)
        resident.doomed = asked.shape.name
        if resident.uses:
            return False
        self._drop(resident, self.context_of(resident.name, asked.num_ctx)[0])
        return True

    def _drop(self, resident: Loaded, after: int | None = None) -> None:
        del self.residents[resident.name]
        if resident.doomed == resident.name:
            if after is None:
                after = self.context_of(resident.name, self.queue[0].num_ctx)[0]
            self.log.append(Event("reloaded", resident.name, (resident.context_length, after)))
        elif resident.doomed:
            self.log.append(Event("evicted", resident.name, resident.doomed))
        else:
            self.log.append(Event("unloaded", resident.name))


def _option(asked: Asked, key: str) -> Any:
    """None where the server decides, which -1 says too."""
    value = asked.options.get(key, asked.shape.options.get(key))
    return None if value == -1 else value
