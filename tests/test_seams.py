"""The seams: what is behind one is named nowhere else, and another behind it needs no line of the product."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

from fleethub.clients.http import Http
from fleethub.clients.resolver import SecretResolver
from fleethub.clients.servers import CLIENTS
from fleethub.clients.shown import ShownCache
from fleethub.engines.interface import SettingChange, SpecKey
from fleethub.engines.registry import ENGINES
from fleethub.kinds.route.attributes import DeploymentAttrs
from fleethub.kinds.route.deployments import wanted_deployments
from fleethub.model.capacity import AdmissionCheck, AdmissionVerdict, Estimate, Fit, Held, Placed, Row, Sure
from fleethub.model.facts import Facts, Reading
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Unknown
from fleethub.model.readings.gpu import GpuProcess, GpuReading
from fleethub.model.readings.server import Installed, Resident, ServerReading
from fleethub.model.serving import Backend, EngineSettings, Model
from fleethub.nodetypes.endpoints import endpoints
from fleethub.observing import observe
from fleethub.placement.ask import Question, ask, rank
from fleethub.placement.report import report
from fleethub.sizing.architecture import ModelArchitecture
from fleethub.verifying.calls import checks_of
from tests.fleets import Spec, direct, fleet
from tests.world.planning import facts, plan
from tests.world.values import World

ROOT = Path(__file__).parents[1] / "fleethub"
GIB = 1 << 30
URL = "http://gpu:9000"

#: Lines outside ``engines/ollama``, ``clients`` and ``testing`` that name Ollama, by file: texts for people, examples
#: of the spec, OpenClaw's own words for it, and the registry's lines.
NAMES_OLLAMA = {
    "cli/node.py": 1,
    "cli/verify.py": 1,
    "engines/registry.py": 2,
    "fleetspec/scaffold.py": 3,
    "fleetspec/tables/serving.py": 1,
    "model/finding.py": 6,
    "nodetypes/openclaw/providers.py": 4,
    "operations/inputs.py": 2,
    "verifying/text.py": 2,
}
#: The same of the other engines, where it is more than the registry's two lines.
NAMES = {
    "vllm": {"engines/registry.py": 3},
    "llamacpp": {"engines/registry.py": 2},
    "llamaswap": {"engines/registry.py": 2},
}


def naming(word: str, homes: tuple[str, ...]) -> dict[str, int]:
    """File -> lines that have the word, in any case; without the word's homes."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = str(path.relative_to(ROOT))
        lines = sum(word in line.lower() for line in path.read_text().splitlines())
        if lines and not name.startswith(homes):
            found[name] = lines
    return found


def test_only_its_engine_and_its_client_name_ollama() -> None:
    assert naming("ollama", ("engines/ollama/", "clients/", "testing/")) == NAMES_OLLAMA


@pytest.mark.parametrize("engine", sorted(set(ENGINES) - {"ollama"}))
def test_only_its_folder_and_its_client_name_another_engine(engine: str) -> None:
    """Beside its line in the registry and the one that says which of LiteLLM's providers speak OpenAI's protocol.

    llama-swap starts servers of the others, so its folder is made of theirs.
    """
    found = naming(engine, (f"engines/{engine}/", "engines/llamaswap/", "clients/", "testing/"))
    assert found == NAMES.get(engine, {"engines/registry.py": 2})


# ---- another engine


@dataclass(frozen=True, slots=True, kw_only=True)
class ToySettings(EngineSettings):
    """A server that holds what it is given until its GPUs are full."""

    engine: ClassVar[str] = "toy"
    title: ClassVar[str] = "Toy"
    api: ClassVar[str] = "openai-completions"
    path: ClassVar[str] = "/v1"
    slots: int = 1


@dataclass(frozen=True, slots=True)
class ToyServer:
    """Each slot takes the model's declared size once more."""

    name: str
    gpus: tuple[tuple[str, int], ...]
    parallel: int
    reserve: int = 0
    kv_type: str = "f16"
    spread: bool = False
    observed: bool = True

    @property
    def total(self) -> int:
        return sum(size for _, size in self.gpus)

    def load(
        self,
        model: Model,
        facts: Facts,
        *,
        context: int | None = None,
        primary: bool = True,
        architecture: ModelArchitecture | None = None,
    ) -> Placed:
        size = (model.vram or GIB) * self.parallel
        takes = Estimate((Row("all", size, Sure.EXACT, "toy"),), size, size)
        tag, tokens = model.tag or model.name, context or model.context
        return Placed(model.name, tag, tokens, "toy", self.parallel, self.kv_type, takes, primary=primary)

    def resident(self, held: Held, facts: Facts) -> Placed:
        return self.load(Model(name=held.tag, route="", context=1, vram=held.size_vram), facts)

    def effective_context(self, model: Model, facts: Facts) -> tuple[int, str]:
        return model.context, "toy"

    def unasked_context(self, model: Model) -> tuple[int, str]:
        return 1024, "toy"

    def admit(self, planned: Sequence[Placed]) -> AdmissionVerdict:
        need = sum(load.estimate.high for load in planned)
        check = AdmissionCheck("physical", "", need, self.total, need <= self.total, "toys must fit")
        fit = Fit.FITS if check.holds else Fit.EXCEEDS
        return AdmissionVerdict(self.name, fit, tuple(planned), (check,), self.gpus, 0, need, self.total, "toy", "toy")

    def beside(self, taken: tuple[int, ...], whom: str) -> ToyServer:
        return self

    def with_setting(self, name: str, value: str | int) -> ToyServer:
        return replace(self, parallel=int(value)) if name in ("slots", "num_parallel") else self

    def setting_changes(self, models: int) -> Iterable[SettingChange]:
        if self.parallel > 1:
            yield SettingChange("slots", 1, "one slot", "toys wait")


class ToyEngine:
    settings = ToySettings
    keys = (SpecKey("slots", "whole", "How many toys at once", 1, least=1, most=8),)
    providers = ("toy",)
    context_parameter = ""
    quants = ()
    pulls = False

    def canonical(self, name: str) -> str:
        return name.lower()

    def deployment(self, settings: EngineSettings, model: Model) -> Mapping[str, str | int]:
        return {"api_base": settings.url}

    def server(self, fleet: Fleet, backend: Backend, facts: Facts) -> ToyServer:
        assert isinstance(backend.engine, ToySettings)
        gpus = tuple((gpu.name, gpu.vram) for gpu in backend.gpus)
        return ToyServer(backend.name, gpus, backend.engine.slots)

    def measured(
        self, backend: Backend, reading: ServerReading, machine: Reading | Unknown | None, at: str
    ) -> tuple[()]:
        return ()

    def environment(self, machine: GpuReading) -> None:
        return None

    def machine_findings(self, backend: Backend, machine: GpuReading) -> tuple[()]:
        return ()

    def live_findings(
        self, backend: Backend, reading: ServerReading, placed: Sequence[Placed], reckoned: Sequence[Placed]
    ) -> Iterable[Finding]:
        return ()

    def owns(self, process: GpuProcess, reading: ServerReading | None) -> bool:
        return process.name == "toy"


READING = ServerReading("1.0", {"One": Installed(20 * GIB, "d")}, (Resident("ONE", 20 * GIB, 20 * GIB, "d"),))


class ToyClient:
    def __init__(self, http: Http, url: str, cache: ShownCache | None) -> None:
        assert url == URL

    def read(self, ask: tuple[str, ...]) -> ServerReading:
        assert ask == ("one", "two")
        return READING


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Spec:
    """A fleet with two models on one backend that has the engine, which is registered for the test."""
    monkeypatch.setitem(ENGINES, "toy", ToyEngine())
    monkeypatch.setitem(CLIENTS, "toy", ToyClient)
    spec = fleet(ollama=None).backend("gpu", None, proxy="main").table("backends.gpu.toy", url=URL, slots=1)
    spec = spec.model("one", route="toy/one", vram="20 GiB").model("two", route="toy/two", vram="20 GiB")
    return spec.node("a", "one", direct("two", "toy"))


def test_another_engine_is_read_planned_for_and_asked(toys: Spec) -> None:
    made = toys.fleet
    backend = made.backends["gpu"]
    assert backend.engine == ToySettings(url=URL, slots=1)
    assert [to.url for to in endpoints(made, made.nodes["a"])] == ["http://llm.example:4000/v1", f"{URL}/v1"]
    assert [call.url for call in checks_of(made, made.nodes["a"], 1.0)[1]][1::2] == [
        f"{URL}/v1/models",
        f"{URL}/v1/chat/completions",
    ]
    assert wanted_deployments(made, made.models["one"]) == (DeploymentAttrs("toy/one", URL),)
    world = World.of(toys)
    read = facts(world, toys)
    source = next(s for s in read.readings if s == ("toy", URL))
    read = replace(read, readings={**read.readings, source: READING})
    found = plan(world, toys, facts=read)
    assert [load.verdict.fit for load in found.loads if load.verdict] == [Fit.FITS]
    assert not [f for f in found.findings if f.code.startswith(("capacity", "backend"))]
    assert [h.alias for h in report(made, backend, read, ()).held] == ["one"]
    answer = ask(made, read, Question("gpu", "one"))
    assert (answer.verdict.fit, answer.verdict.need, answer.unobserved) == (Fit.FITS, 40 * GIB, "")
    assert [place.answer.backend for place in rank(made, read, Question("", "one"))] == ["gpu"]


def test_another_engine_refuses_and_suggests_in_its_own_words(toys: Spec) -> None:
    tight = toys.table("backends.gpu.toy", slots=2)
    found = plan(World.of(tight), tight)
    assert "capacity.exceeded" in {f.code for f in found.findings}
    answer = ask(tight.fleet, Facts("now"), Question("gpu", "one"))
    assert answer.verdict.fit is Fit.EXCEEDS
    assert [s.values for s in answer.suggestions] == [(("slots", 1),)]


def test_another_engine_is_observed_by_its_client(toys: Spec, tmp_path: Path) -> None:
    made = replace(toys.fleet, root=str(tmp_path))
    engine = made.backends["gpu"].engine
    assert engine is not None
    http = Http()
    try:
        seen = observe(made, [replace(engine.source, ask=("one", "two"))], http, SecretResolver(tmp_path, None))
        assert seen.of(engine.source) == READING
    finally:
        http.close()


def test_a_key_that_the_engine_does_not_have_is_told(toys: Spec) -> None:
    wrong = toys.table("backends.gpu.toy", num_parallel=1)
    (finding,) = wrong.loaded.findings
    assert (finding.code, finding.hint) == ("spec.unknown-key", "there are: slots, url")
    two = toys.table("backends.gpu.ollama", url="http://gpu:11434")
    assert "one model server already" in two.loaded.findings[0].message
