"""Admission in its first form: the sum, its sources, the policies, and that it never over-commits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleethub.capacity import assess, estimate, planned_sets
from fleethub.capacity.first import kv_bytes
from fleethub.model.facts import Facts, Installed, OllamaReading, Resident
from fleethub.model.finding import Severity
from fleethub.model.fleet import Backend, Fleet, Gpu, Hop, Model, Node, Ollama, Policy, Proxy
from fleethub.model.observation import Unknown
from fleethub.model.plan import Why
from fleethub.model.secret import SecretRef
from fleethub.testing.catalog import QWEN3_32B

GIB = 1 << 30
SERVER = Ollama(url="http://ollama")
SOURCE = ("ollama", "http://ollama")


def model(name: str, **more: object) -> Model:
    return Model(name=name, backends=("gpu",), proxy="main", route=f"ollama/{name}", ollama=name, context=32768, **more)  # type: ignore[arg-type]


def fleet(sizes: dict[str, int | None], overcommit: str = "refuse-new", vram: int = 48) -> Fleet:
    """Models with their declared GiB, one node for each."""
    nodes = {
        name: Node(name=name, host=name, target=name, image="i", chain=(Hop(model=name),), key=name) for name in sizes
    }
    return Fleet(
        name="f",
        root="/",
        digest="",
        key_seed=None,
        policy=Policy(overcommit=overcommit),  # type: ignore[arg-type]
        proxies={"main": Proxy(name="main", url="u", admin_url="u", master_key=SecretRef(("env:X",)))},
        backends={
            "gpu": Backend(name="gpu", host="h", proxy="main", gpus=(Gpu(name="g", vram=vram * GIB),), ollama=SERVER)
        },
        models={n: model(n, vram=s * GIB if s is not None else None) for n, s in sizes.items()},
        nodes=nodes,
    )


def facts(reading: OllamaReading | Unknown | None = None) -> Facts:
    return Facts("now", {SOURCE: reading or OllamaReading("0.32.1", {}, ())})


def judge(f: Fleet, before: tuple[str, ...] = (), reading: OllamaReading | Unknown | None = None):
    after = planned_sets(f).get("gpu", ())
    return assess(f, f.backends["gpu"], facts(reading), tuple((n, 32768) for n in before), after)


def test_what_fits_is_silent() -> None:
    found = judge(fleet({"a": 20, "b": 27}))
    assert found.findings == ()
    assert found.load.after == 47 * GIB


def test_one_byte_over_is_refused_with_the_sum() -> None:
    f = fleet({"a": 20, "b": 27})
    f.models["b"] = model("b", vram=27 * GIB + 1)  # type: ignore[index]
    (finding,) = judge(f).findings
    assert (finding.code, finding.severity) == ("capacity.exceeded", Severity.ERROR)
    assert [line.split("  ")[-1][:20] for line in finding.detail][-1].startswith("needed; 48.0 GiB")
    assert len(finding.detail) == 4


def test_refuse_new_lets_stand_what_stands() -> None:
    found = judge(fleet({"a": 40, "b": 27}), before=("a", "b"))
    assert [f.severity for f in found.findings] == [Severity.WARNING]
    assert not found.refused
    assert judge(fleet({"a": 40, "b": 27}, "refuse"), before=("a", "b")).findings[0].severity is Severity.ERROR


def test_warn_refuses_nothing() -> None:
    found = judge(fleet({"a": 40, "b": 27}, "warn"))
    assert [f.severity for f in found.findings] == [Severity.WARNING]
    assert not found.refused


def test_unknown_size_blocks_a_newcomer_and_warns_for_what_is() -> None:
    new = judge(fleet({"a": 20, "b": None}))
    assert [f.code for f in new.findings] == ["capacity.unknown"]
    assert {a: o.why for a, o in new.refused.items()} == {"b": Why.UNKNOWN}
    assert not judge(fleet({"a": 20, "b": None}), before=("a", "b")).refused


def test_an_unreachable_backend_is_judged_from_the_spec_and_said_so() -> None:
    found = judge(fleet({"a": 60}), reading=Unknown("timed out", "now"))
    assert "(not observed)" in found.findings[0].message
    # what exceeds the declared GPUs alone is refused even when another size is unknown
    assert (
        judge(fleet({"a": 60, "b": None}), reading=Unknown("timed out", "now")).findings[0].code == "capacity.exceeded"
    )


def test_sources_in_order_of_trust() -> None:
    m = model("a", vram=5 * GIB, params=8_000_000_000, quant="Q4_K_M")
    digest = "sha256:0"
    installed = {"a:latest": Installed(7 * GIB, digest)}
    resident = (Resident("a:latest", 9 * GIB, 9 * GIB, digest, 32768),)
    other = (Resident("a:latest", 9 * GIB, 9 * GIB, digest, 4096),)
    assert estimate(m, SERVER, OllamaReading("0", installed, resident)).total == 9 * GIB
    assert estimate(m, SERVER, OllamaReading("0", installed, other)).total == 7 * GIB
    assert estimate(m, SERVER, None).total == 5 * GIB
    assert estimate(model("a", params=8_000_000_000, quant="Q8_0"), SERVER, None).total == 8_500_000_000
    assert estimate(model("a"), SERVER, None).total is None


def test_kv_cache_of_a_dense_model_is_exact() -> None:
    # 64 layers x 8 heads x (128 + 128) x 2 bytes x 32768 tokens
    assert kv_bytes(QWEN3_32B["model_info"], 32768, "f16") == 64 * 8 * 256 * 2 * 32768
    assert kv_bytes(QWEN3_32B["model_info"], 32768, "q8_0") == 64 * 8 * 256 * 17 // 16 * 32768
    assert kv_bytes({}, 32768, "f16") is None


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 40) | st.none(), min_size=1),
    st.sets(st.sampled_from("abcdef")),
    st.sampled_from(["refuse", "refuse-new"]),
)
def test_admission_never_over_commits(sizes: dict[str, int | None], before: set[str], policy: str) -> None:
    """What is admitted fits, or was there before."""
    f = fleet(sizes, policy)
    found = judge(f, tuple(sorted(before)))
    kept = set(sizes) - set(found.refused)
    new = kept - before
    if new:
        known = sum(sizes[n] or 0 for n in kept)
        grew = sum(sizes[n] or 0 for n in sizes) > sum(sizes.get(n) or 0 for n in before)
        assert all(sizes[n] is not None for n in new)
        assert known + 1 <= 48 or not grew
