"""llama-swap: who stays beside whom, by its file as its own sources and documentation have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fleethub.clients.hfconfig import shown_of
from fleethub.clients.http import Http
from fleethub.clients.llamaswap import LlamaSwap, LlamaSwapError, read_file
from fleethub.clients.matrix import MatrixError, expanded
from fleethub.engines.llamaswap.residency import evictions, resident_sets
from fleethub.model.capacity import AdmissionVerdict, Fit
from fleethub.model.facts import Facts
from fleethub.model.readings.server import ModelFile, ServerReading, SwapFile
from fleethub.placement.ask import Question, ask
from fleethub.placement.planned import PlannedSet, planned_sets
from fleethub.placement.report import report
from fleethub.testing.llamaswap import LlamaSwap as StandIn
from tests.engines.vllm_rows import config
from tests.fleets import Spec, fleet
from tests.world.planning import plan
from tests.world.values import World

GIB = 1 << 30
URL = "http://gpu:8080"
#: docs/kb/guides/routing/groups-and-matrix.md of llama-swap (updated 2026-09-30), its groups as printed there.
GROUPS = """
models:
  llama: {cmd: "llama-server --port ${PORT} -m /m/llama.gguf ${ctx} -np 1"}
  qwen: {cmd: "llama-server --port ${PORT} -m /m/qwen.gguf -c 16384 -np 1", aliases: [q]}
  embeddings: {cmd: "llama-server -m /m/e.gguf -c 8192 -np 1 --api-key canary"}
  reranker: {cmd: "llama-server -m /m/r.gguf -c 8192 -np 1"}
  loose: {cmd: "llama-server -m /m/l.gguf -c 8192 -np 1"}
macros: {size: 32768, ctx: "-c ${size}"}
apiKeys: ["canary"]
routing:
  router:
    use: group
    settings:
      groups:
        main: {swap: true, exclusive: true, members: [llama, qwen]}
        small: {swap: false, exclusive: false, members: [reranker]}
        forever: {persistent: true, swap: false, exclusive: false, members: [embeddings]}
"""
#: The same page's matrix, with its own expansion of "(g | q) & v".
SETS = {"standard": "(g | q) & v", "creative": "(g | q) & sd", "full": "llama-70B", "both": "+standard | (sd & v)"}
NAMES = {"g": "gemma", "q": "qwen", "v": "voxtral"}
MODELS = frozenset({"gemma", "qwen", "voxtral", "sd", "llama-70B"})


def parsed(tmp_path: Path, text: str) -> SwapFile:
    (tmp_path / "swap.yaml").write_text(text)
    return read_file(tmp_path, "swap.yaml")


# ---- the file


def test_what_decides_about_memory_is_read_and_no_key(tmp_path: Path) -> None:
    file = parsed(tmp_path, GROUPS)
    assert file.models["llama"] == (("-m", "/m/llama.gguf"), ("-c", "32768"), ("-np", "1"))
    assert (file.aliases, file.sets) == ({"q": "qwen"}, None)
    assert "canary" not in repr(file)


def test_the_older_spelling_means_the_same(tmp_path: Path) -> None:
    groups = GROUPS[GROUPS.index("      groups:") :].replace("      groups:", "groups:")
    old = GROUPS[: GROUPS.index("routing:")] + groups
    assert parsed(tmp_path, old) == parsed(tmp_path, GROUPS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("models: [", ":1 is no YAML"),
        ("a: 1", "models: Field required"),
        (
            "models: {a: {cmd: x}}\nrouting: {router: {use: matrix, settings: {matrix: {sets: {s: 'a & b'}}}}}",
            "names b",
        ),
        ("models: {a: {cmd: x}}\nmatrix: {sets: {s: '+s'}}", "made of itself"),
        ("- 1", "valid dictionary"),
        ("models: {a: {cmd: 'llama-server \"'}}", "models.a.cmd is no command: No closing quotation"),
        (f"macros: {{m: {'y' * 10000}}}\nmodels: {{a: {{cmd: '{'${m}' * 20000}'}}}}", "longer than a command"),
        ("models: {a: {cmd: x}}\nmatrix: {sets: {s: '" + "(" * 5000 + "a'}}", "nested too deep"),
        (
            "models: {a: {cmd: x}}\nmatrix:\n  sets:\n" + "".join(f"    s{n}: +s{n + 1}\n" for n in range(2000)),
            "too deep",
        ),
        ("models: {}\na: !!timestamp b", "no YAML"),
        ("models: {}\na: !!int ''", "no YAML"),
        ("models: {}\na: !!bool b", "no YAML"),
        ("a: " + "[" * 9999, "no YAML"),
    ],
)
def test_a_broken_file_is_told_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(LlamaSwapError, match=r"swap\.yaml") as error:
        parsed(tmp_path, text)
    assert says in str(error.value)


def test_aliases_and_merges_of_merges_take_no_memory(tmp_path: Path) -> None:
    def nested(first: str, each: str) -> str:
        return first + "".join(each.format(n, ", ".join([f"*x{n - 1}"] * 10)) for n in range(1, 12))

    for bomb in (
        nested("x0: &x0 {k: v}\n", "x{0}: &x{0} {{<<: [{1}]}}\n"),
        nested("x0: &x0 [a]\n", "x{0}: &x{0} [{1}]\n"),
    ):
        assert parsed(tmp_path, f"{bomb}models: {{a: {{cmd: x}}}}").models == {"a": ()}


def test_what_a_file_has_for_a_name_is_shown_without_its_control_characters(tmp_path: Path) -> None:
    with pytest.raises(LlamaSwapError) as error:
        parsed(tmp_path, 'models: {"a\\e[2J": {cmd: x}}')
    assert "\x1b" not in str(error.value)


# ---- who stays


def test_groups_end_whom_llama_swap_s_own_rules_end(tmp_path: Path) -> None:
    """internal/router/group.go: siblings of a group that swaps; other groups' where the newcomer's is exclusive."""
    file = parsed(tmp_path, GROUPS)

    def ends(newcomer: str) -> set[str]:
        every = sorted(file.models)
        return {e.other for e in evictions(file, every) if e.newcomer == newcomer}

    assert ends("llama") == {"qwen", "reranker", "loose"}, "never one of a persistent group"
    assert ends("reranker") == set(), "not exclusive: it leaves even an exclusive group alone"
    assert ends("loose") == {"llama", "qwen", "reranker"}, "what is in no group is in one that swaps"
    assert evictions(file, ["llama", "embeddings"]) == ()
    assert resident_sets(file, ["llama", "qwen", "embeddings"]) == (("embeddings", "llama"), ("embeddings", "qwen"))
    assert ("llama", "reranker") in resident_sets(file, ["llama", "reranker"]), "the reranker may come second"


def test_a_matrix_expands_as_its_page_says() -> None:
    found = set(expanded(SETS, NAMES, MODELS))
    assert {frozenset({"gemma", "voxtral"}), frozenset({"qwen", "voxtral"}), frozenset({"llama-70B"})} <= found
    assert frozenset({"sd", "voxtral"}) in found
    file = SwapFile({}, {}, (), tuple(found))
    assert evictions(file, ["gemma", "voxtral"]) == ()
    assert evictions(file, ["gemma"]) == ()
    (one,) = evictions(file, ["gemma", "qwen"])
    assert "no set of its matrix has gemma, qwen together" in one.why
    assert resident_sets(file, ["gemma", "qwen", "voxtral"]) == (("gemma", "voxtral"), ("qwen", "voxtral"))


@pytest.mark.parametrize("text", ["a &", "(a", "a b", "a ; b", "", "&", "+x", "a | | a"])
def test_what_llama_swap_would_refuse_is_refused(text: str) -> None:
    with pytest.raises(MatrixError):
        expanded({"s": text}, {}, frozenset({"a", "b"}))


def test_an_expression_that_grows_without_end_is_refused() -> None:
    many = frozenset(f"m{n}" for n in range(40))
    with pytest.raises(MatrixError, match="4096"):
        expanded({"s": " & ".join(f"(m{2 * n} | m{2 * n + 1})" for n in range(20))}, {}, many)


# ---- a fleet


def spec(vram: str = "24 GiB") -> Spec:
    made = fleet().backend("gpu", None, proxy="main", gpus=[{"name": "RTX 3090", "vram": vram}])
    made = made.table("backends.gpu.llamaswap", url=URL, config="swap.yaml")
    for name, context in (("llama", 32768), ("qwen", 16384), ("embeddings", 8192), ("reranker", 8192)):
        made = made.model(name, route=f"openai/{name}", file="config.json", context=context)
    return made


def facts(file: SwapFile | None, reading: ServerReading | None = None, size: int = 5 * GIB) -> Facts:
    shown = shown_of(config(36, 8, width=4096, intermediate_size=12288, max_position_embeddings=40960))
    assert shown is not None
    found: dict[tuple[str, str], Any] = {("model", "config.json"): ModelFile(shown, size)}
    return Facts(
        "now",
        found
        | ({("swap-file", "swap.yaml"): file} if file else {})
        | ({("llamaswap", URL): reading} if reading else {}),
    )


def verdict(made: Spec, seen: Facts) -> AdmissionVerdict:
    return report(made.fleet, made.fleet.backends["gpu"], seen, _planned(made)).verdict


def _planned(made: Spec) -> PlannedSet:
    return planned_sets(made.fleet).get("gpu", ())


def test_models_that_take_turns_are_told_with_the_file_s_reason(tmp_path: Path) -> None:
    file = parsed(tmp_path, GROUPS)
    made = spec().node("a", "llama").node("b", "qwen")
    found = plan(World.of(made), made, facts=facts(file))
    message = next(f.message for f in found.findings if f.code == "capacity.evicts")
    assert "the group main runs one at a time (swap)" in message
    assert verdict(made, facts(file)).need == pytest.approx(10.6 * GIB, rel=0.1), "the larger of the two, not both"
    (bar,) = report(made.fleet, made.fleet.backends["gpu"], facts(file), _planned(made)).bars
    assert bar.planned == verdict(made, facts(file)).need
    beside = spec().node("a", "llama").node("b", "embeddings")
    assert verdict(beside, facts(file)).fit is Fit.FITS


def test_a_card_of_its_own_and_a_draft_are_unknown_and_an_environments_value_is_not_kept(tmp_path: Path) -> None:
    two = spec().backend("gpu", None, proxy="main", gpus=[{"name": f"RTX 3090 #{n}", "vram": "24 GiB"} for n in (0, 1)])
    two = two.table("backends.gpu.llamaswap", url=URL, config="swap.yaml")
    for words, env in (("", '"CUDA_VISIBLE_DEVICES=0", "HF_TOKEN=canary"'), ("-md draft.gguf", "")):
        text = f'models: {{llama: {{cmd: "llama-server -c 32768 -np 1 {words}", env: [{env}]}}}}'
        file = parsed(tmp_path, text)
        assert "canary" not in repr(file)
        found = verdict(two.node("a", "llama"), facts(file))
        assert (found.fit, "is not reckoned" in found.reason) == (Fit.UNKNOWN, True)
    sets = '{qwen: {cmd: "llama-server -c 32768 -np 1"}, ' + text.removeprefix("models: {")
    both = parsed(tmp_path, f'models: {sets}\nmatrix: {{sets: {{s: "qwen & llama"}}}}')
    assert dict(verdict(two.node("a", "qwen", "llama"), facts(both)).fallbacks) == {"llama": Fit.UNKNOWN}


def test_a_set_that_its_file_lets_stand_and_the_card_does_not(tmp_path: Path) -> None:
    file = parsed(tmp_path, GROUPS)
    made = spec("16 GiB").node("a", "llama").node("b", "embeddings")
    found = verdict(made, facts(file))
    assert found.fit is Fit.SPILLS
    assert verdict(spec("24 GiB").node("a", "llama"), facts(file)).fit is Fit.FITS


def test_each_model_is_loaded_by_its_own_command(tmp_path: Path) -> None:
    file = parsed(tmp_path, GROUPS)
    made = spec().node("a", "llama").table("models.llama", context=65536)
    answer = ask(made.fleet, facts(file), Question("gpu", "llama"))
    assert answer.verdict.fit is Fit.EXCEEDS
    assert answer.placed.context == 32768
    by_alias = spec().model("other", route="openai/q", file="config.json", context=16384).node("a", "other")
    assert ask(by_alias.fleet, facts(file), Question("gpu", "other")).placed.context == 16384
    gone = spec().model("none", route="openai/none", file="config.json").node("a", "none")
    says = [c.says for c in ask(gone.fleet, facts(file), Question("gpu", "none")).verdict.checks if not c.holds]
    assert "and not none" in says[0]


def test_without_its_file_nobody_knows_who_stays() -> None:
    made = spec().node("a", "llama").node("b", "qwen")
    found = verdict(made, facts(None))
    assert found.fit is Fit.UNKNOWN
    assert "who may be resident together is not known" in found.reason


# ---- the client


@pytest.fixture
def http() -> Iterator[Http]:
    found = Http()
    yield found
    found.close()


def test_it_says_what_runs_and_no_command(http: Http) -> None:
    with StandIn(["a", "b"], running={"a": "ready"}, command="llama-server --api-key canary") as server:
        found = LlamaSwap(http, server.url).read(())
    assert (list(found.installed), found.told, found.residents) == (["a", "b"], {"a": "ready"}, ())
    assert "canary" not in repr(found)


@pytest.mark.parametrize("body", [b"{}", b'{"running": 1}', b"", b'{"running": [{"model": 3}]}'])
def test_an_odd_answer_is_an_error(http: Http, body: bytes) -> None:
    with StandIn(["a"]) as server:
        server.mangle = lambda path, data: body if path == "/running" else data
        with pytest.raises(LlamaSwapError, match="/running"):
            LlamaSwap(http, server.url).read(())


def test_a_matrix_of_many_sets_is_judged_at_once() -> None:
    """It took half a minute for every verdict: each set of models was looked for in each of the matrix's."""
    models = [f"m{n:02}" for n in range(24)]
    sets = expanded({"s": " & ".join(f"(m{2 * n:02} | m{2 * n + 1:02})" for n in range(12))}, {}, frozenset(models))
    asked = 0

    class Counted(frozenset[str]):
        """A set of the matrix that counts how often it is looked at."""

        def intersection(self, *others: Iterable[Any]) -> frozenset[str]:
            nonlocal asked
            asked += 1
            return super().intersection(*others)

        def __ge__(self, other: object) -> bool:
            nonlocal asked
            asked += 1
            return super().__ge__(other)  # type: ignore[operator]

    file = SwapFile(dict.fromkeys(models, ()), {}, (), tuple(map(Counted, sets)))
    found = resident_sets(file, models[:12])
    assert asked <= 4096, "each set of the matrix once, however many sets of models there are"
    assert (len(sets), len(found), {len(one) for one in found}) == (4096, 64, {6})
    assert len(resident_sets(file, models)) == 4096, "beyond what is looked at one by one in groups"
    assert resident_sets(SwapFile({}, {}, (), (frozenset({"x"}),)), ["a", "b"]) == (("a",), ("b",))
