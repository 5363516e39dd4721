"""Adopted keys by themselves: their value and what they may call beyond the wiring are kept, and the plan is empty."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import pytest

from fleethub.adoption import Adoption, adopt, keeping
from fleethub.kinds import KINDS
from fleethub.kinds.key.actions import KeyDelete, KeyPut, ProveKey
from fleethub.kinds.key.adopted import covers
from fleethub.kinds.key.letting_go import put_back
from fleethub.kinds.values import Inputs
from fleethub.lockfile.text import dump, load
from fleethub.model.address import key as key_address
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Lockfile
from fleethub.model.plan import MISSING, Action, Orders, Phase, Plan
from fleethub.model.readings.proxy import KeyRow, Team
from fleethub.operations.spec import remembering
from fleethub.operations.targets import orders_notes, orders_of
from fleethub.planning import make_plan
from tests.fleets import Spec, fleet
from tests.world import LINEAGE, SEAL, World, apply, facts

KEY = key_address("main", "web")
TOKEN = hashlib.sha256(b"sk-made-by-hand").hexdigest()
SPEC = fleet().models("one", "two", "three").key("web", models=["one"])


def row(models: tuple[str, ...] = ("one",), **fields: Any) -> KeyRow:
    return KeyRow(**{"alias": "web", "token": TOKEN, "models": models, "limits": {}, "metadata": {}, **fields})


@dataclass
class Estate:
    """A proxy with one key made by hand, and what FleetHub knows of it."""

    world: World
    lockfile: Lockfile | None = None

    def fleet(self, spec: Spec) -> Fleet:
        return remembering(spec.fleet, self.lockfile) if self.lockfile else spec.fleet

    def take(self, spec: Spec) -> Adoption:
        known, base = facts(self.world, spec), Lockfile("monad", LINEAGE, 0, SEAL.seed_fingerprint() or "")
        kept = keeping(self.fleet(spec), known, SEAL, [KEY])
        done = adopt(kept, base, wanted(kept, spec), known, SEAL, [KEY])
        self.lockfile = replace(base, serial=1, resources={c.address: c.locked for c in done.plan.changes if c.locked})
        self.lockfile = load(dump(self.lockfile))  # as the next command reads it
        return done

    def plan(self, spec: Spec, **changed: Any) -> Plan:
        world = self.world.at_key("web", **changed) if changed else self.world
        now = self.fleet(spec)
        return make_plan(now, self.lockfile, wanted(now, spec), facts(world, spec), SEAL, (), True)


def wanted(now: Fleet, spec: Spec) -> dict[Any, Any]:
    inputs = Inputs(now, SEAL, spec.rendered)
    return {r.address: r for kind in KINDS.values() for r in kind.desired(inputs)}


def estate(spec: Spec = SPEC, *rows: KeyRow) -> Estate:
    world = World.of(spec)
    for one in rows or (row(),):
        world = world.at_proxy(lambda proxy, one=one: proxy.with_key(one))
    return Estate(world)


def adopted(spec: Spec = SPEC, *rows: KeyRow) -> Estate:
    made = estate(spec, *rows)
    assert made.take(spec).taken == (KEY,)
    return made


WIDE = [
    ((), "(all models)"),
    (("all-proxy-models",), "all-proxy-models"),
    (("*",), "*"),
    (("o*",), "o*"),
    (("one", "two"), "two"),
    (("one", "some-group"), "some-group"),
]


@pytest.mark.parametrize(("models", "more"), WIDE, ids=[more for _, more in WIDE])
def test_a_wider_scope_stays_and_is_told(models: tuple[str, ...], more: str) -> None:
    found = adopted(SPEC, row(models)).plan(SPEC)
    assert (found.changes, found.drift, found.steps) == ((), (), ())
    assert [f.code for f in found.findings] == ["key.wider-than-wiring"]
    assert f"may also call {more}," in found.findings[0].message


def test_an_adopted_key_is_left_as_it_is() -> None:
    found = adopted().plan(SPEC)
    assert (found.changes, found.drift, found.findings) == ((), (), ())


def test_the_lockfile_lets_nobody_guess_the_value() -> None:
    made = adopted()
    assert made.lockfile is not None
    text = dump(made.lockfile)
    assert TOKEN not in text
    assert "kept:main:web:1" in text


def test_before_it_is_adopted_its_alias_is_taken() -> None:
    found = estate().plan(SPEC)
    assert [f.code for f in found.findings] == ["key.alias-taken"]
    assert "fleethub import key.main.web" in found.findings[0].hint


def test_narrow_takes_the_rest_away() -> None:
    made, spec = adopted(SPEC, row(())), SPEC.key("web", models=["one"], adopt="narrow")
    (step,) = [s for s in made.plan(spec).steps if isinstance(s.do, KeyPut)]
    assert step.phase is Phase.CONTRACT
    assert step.do.models == ("one",)  # type: ignore[attr-defined]


@pytest.mark.parametrize("models", [(), ("one", "three"), ("one", "t*")], ids=["all", "one more", "pattern"])
def test_another_model_is_added_and_only_what_was_applied_is_dropped(models: tuple[str, ...]) -> None:
    made, spec = adopted(SPEC, row(models)), SPEC.key("web", models=["two"])
    found = made.plan(spec)
    puts = [s.do.models for s in found.steps if isinstance(s.do, KeyPut)]
    if not models:
        assert (puts, [c.action.value for c in found.changes]) == ([], ["record"])  # it may call all of them already
        return
    beyond = set(models) - {"one"}
    assert set(puts[-1] or ()) == {"two"} | beyond
    assert all("(all models)" not in (put or ()) for put in puts)


def test_what_cannot_be_proved_is_said() -> None:
    made, spec = adopted(), SPEC.key("web", models=["one", "two"])
    found = made.plan(spec)
    assert [s.phase for s in found.steps] == [Phase.EXPAND, Phase.PROVE]
    assert [f.code for f in found.findings] == ["key.kept-unproved"]
    put, prove = (step.do for step in found.steps)
    assert isinstance(put, KeyPut)
    assert isinstance(prove, ProveKey)
    assert (put.create, getattr(put.value, "token", "")) == (False, TOKEN)


LIMITS: list[dict[str, Any]] = [
    {"limits": {"rpm_limit": 5, "max_parallel_requests": 2, "model_rpm_limit": {"one": 3}}},
    {"metadata": {"owner": "ops", "nested": {"a": 1}}},
    {"spend": 4.5},
    {"team": "t1"},
    {"expires": "2026-12-27T10:00:00Z"},
]


@pytest.mark.parametrize("fields", LIMITS, ids=["limits", "metadata", "spend", "team", "expires"])
def test_what_the_spec_does_not_name_is_kept(fields: dict[str, Any]) -> None:
    found = adopted(SPEC, row(**fields)).plan(SPEC)
    assert (found.changes, found.drift) == ((), ())


TAKEN: list[tuple[dict[str, Any], str]] = [
    ({"allowed_routes": ("info_routes",)}, "allowed_routes is info_routes"),
    ({"blocked": True}, "blocked"),
    ({"models": ("two",)}, "it may not call one, which the spec needs"),
    ({"metadata": {"fleethub": {"lineage": "22" * 16, "serial": 1, "generation": 1}}}, "another fleet"),
]


@pytest.mark.parametrize(("fields", "why"), TAKEN, ids=[next(iter(f)) for f, _ in TAKEN])
def test_what_the_plan_would_change_is_not_taken_and_why(fields: dict[str, Any], why: str) -> None:
    done = estate(SPEC, row(**fields)).take(SPEC)
    assert done.taken == ()
    assert why in done.left[KEY]


def test_two_keys_of_one_alias_are_not_taken() -> None:
    other = hashlib.sha256(b"sk-another").hexdigest()
    done = estate(SPEC, row(), row(token=other)).take(SPEC)
    assert "share the alias" in done.left[KEY]


def test_what_changes_afterwards_is_drift() -> None:
    found = adopted().plan(SPEC, expires="2027-01-01T00:00:00Z")
    assert [d.summary for d in found.drift] == ["expires changed"]


@pytest.mark.parametrize("now", ["2027-01-01T00:00:00Z", None], ids=["later", "no more"])
def test_the_moment_a_key_ends_is_recorded_as_it_is_found(now: str | None) -> None:
    """LiteLLM takes lifetimes alone: a moment cannot be set back."""
    found = adopted(SPEC, row(expires="2026-12-27T10:00:00Z")).plan(SPEC, expires=now)
    assert (found.steps, found.drift) == ((), ())
    (change,) = found.changes
    assert change.action is Action.RECORD
    assert [(f.path[0], f.before, f.after) for f in change.fields] == [
        ("expires", "2026-12-27T10:00:00Z", now or MISSING)
    ]
    assert change.locked is not None
    assert change.locked.attrs.expires == now


def test_a_lifetime_that_leaves_the_spec_leaves_the_key() -> None:
    made = adopted(SPEC.key("web", models=["one"], expires="90d"), row(expires="2026-12-27T10:00:00Z", lifetime="90d"))
    (put,) = (s.do for s in made.plan(SPEC).steps if isinstance(s.do, KeyPut))
    assert (put.lift, put.limits) == (("expires",), {})


LOST: list[tuple[dict[str, Any], str]] = [
    ({"fleet": "monad"}, "state.lost"),
    ({"fleet": "another"}, "key.foreign"),
    ({}, "key.foreign"),
]


@pytest.mark.parametrize(("told", "code"), LOST, ids=["ours", "another fleet's", "not told"])
def test_an_adopted_key_with_our_mark_is_not_another_fleets_once_the_lockfile_is_lost(
    told: dict[str, Any], code: str
) -> None:
    made = adopted()
    made.lockfile = None
    mark = {"lineage": LINEAGE, "serial": 1, "generation": 1, "born": "web", "born_proxy": "main", **told}
    assert [f.code for f in made.plan(SPEC, metadata={"fleethub": mark}).findings] == [code]


def test_a_renamed_one_is_marked_with_the_name_that_it_had() -> None:
    """By which a revocation without the seed finds it."""
    made = adopted()
    now = replace(made.fleet(SPEC), births={KEY: key_address("main", "old")})
    (resource,) = (r for r in wanted(now, SPEC).values() if r.address == KEY)
    assert (resource.shape, resource.material.slot.name) == ("kept:main:old:1", "old")


def test_a_key_that_is_gone_cannot_be_made_again_with_its_value() -> None:
    made = adopted()
    gone = replace(made, world=made.world.at_proxy(lambda proxy: proxy.without_key(TOKEN)))
    found = gone.plan(SPEC.table("policy", revoked="restore"))
    assert found.steps == ()
    assert "raise its generation" in found.changes[0].blockers[0].reason


def test_a_block_that_goes_takes_the_key_along() -> None:
    made = adopted()
    found = made.plan(SPEC.without("keys"))
    (step,) = found.steps
    assert isinstance(step.do, KeyDelete)
    assert step.do.tokens == (TOKEN,)
    assert "whoever has its value is refused from then on (--forget ADDRESS leaves it)" in found.changes[0].consequence


def test_a_key_that_was_there_before_can_be_forgotten_though_it_is_reached() -> None:
    made = adopted()
    now = made.fleet(SPEC.without("keys"))
    orders = orders_of([str(KEY)], False, {}, made.lockfile.resources if made.lockfile else {})
    found = make_plan(now, made.lockfile, {}, facts(made.world, SPEC), SEAL, orders=orders)
    assert found.steps == ()
    (change,) = found.changes
    assert (change.action, change.locked) == (Action.RECORD, None)
    (note,) = orders_notes(orders, found, made.lockfile.resources if made.lockfile else {})
    assert note == "key.main.web is let go: whatever is at http://llm.example:4000 stays there as it is"


def test_an_uninstall_lets_the_key_go_and_leaves_it_as_it_is() -> None:
    made = adopted()
    now = made.fleet(SPEC.without("keys"))
    told = (made.lockfile, {}, facts(made.world, SPEC), SEAL)
    found = make_plan(now, *told, orders=Orders(uninstall=True))
    assert found.steps == ()
    (change,) = found.changes
    assert (change.action, change.locked) == (Action.RECORD, None)
    assert change.consequence == "it was there before FleetHub, and stays as it is"


def test_whole_nodes_cannot_have_a_value_that_is_not_known() -> None:
    made = adopted()
    found = made.plan(SPEC.without("keys").node("a", "one", key="web"))
    assert "key.kept-whole" in [f.code for f in found.findings]
    assert [s for s in found.steps if str(s.address) == "node.a"] == []


def test_patterns_cover_what_they_match() -> None:
    assert covers(("openai/*",), "openai/gpt")
    assert not covers(("openai/*",), "openaix")
    assert covers(("all-team-models",), "one", Team("t", models=("one",)))
    assert not covers(("all-team-models",), "two", Team("t", models=("one",)))


def test_what_an_apply_owed_is_still_owed_after_an_import() -> None:
    made, other = estate(), key_address("main", "other")
    base = Lockfile("monad", LINEAGE, 3, SEAL.seed_fingerprint() or "", owed={other: "2026-01-01T00:00:00+00:00"})
    known = facts(made.world, SPEC)
    kept = keeping(SPEC.fleet, known, SEAL, [KEY])
    done = adopt(kept, base, wanted(kept, SPEC), known, SEAL, [KEY])
    assert (done.taken, done.plan.left_out) == ((KEY,), (other,))


def test_a_key_that_is_let_go_of_gets_its_models_back_and_loses_the_mark() -> None:
    """Also one that was rotated meanwhile: it was there before FleetHub, and somebody has its value."""
    made = estate(SPEC, row(("one", "two"), metadata={"fleethub": mark(), "owner": "ops"}))
    made.take(SPEC.key("web", models=["one", "two"]))
    assert made.lockfile is not None
    assert made.lockfile.resources[KEY].found["models"] == ("one", "two")
    known = made.lockfile.resources[KEY]
    applied = replace(known, attrs=replace(known.attrs, models=("two",)))
    made.lockfile = replace(made.lockfile, resources={**made.lockfile.resources, KEY: applied})
    narrowed = made.world.at_key("web", models=("two",))
    world = replace(narrowed, lockfile=made.lockfile)
    now = made.fleet(SPEC.without("keys"))
    for orders in (Orders(uninstall=True), Orders(forget=frozenset({KEY}))):
        left = make_plan(now, made.lockfile, {}, facts(world, SPEC), SEAL, orders=orders)
        (change,) = left.changes
        assert (change.action, "gets its models back (one, two)" in change.consequence) == (Action.RECORD, True)
        assert [step.id for step in left.steps] == ["key.main.web/widen", "key.main.web/release"]
        assert all("stays there as it is" not in note for note in orders_notes(orders, left, made.lockfile.resources))
        after = apply(world, left)
        assert after.failed == []
        found = after.world.key("web")
        assert (found.models, found.metadata) == (("one", "two"), {"owner": "ops"})
        assert after.world.lockfile is not None
        assert KEY not in after.world.lockfile.resources


@pytest.mark.parametrize(
    ("found", "applied", "there", "back"),
    [
        (("one",), ("one", "two"), ("one", "two"), ("one",)),
        (("one",), ("one", "two"), ("one",), None),
        (("one",), ("one",), ("one", "two"), None),
        (("one", "x"), ("one", "two"), ("one", "two", "x"), ("one", "x")),
        ((), ("one",), (), ()),
        ((), ("one",), ("one",), ()),
        ((), ("one", "two"), ("one",), None),
        (("t*",), ("two",), ("t*",), ("t*",)),
        (("t*",), ("two",), ("one", "t*"), None),
    ],
)
def test_models_are_put_back_only_over_what_fleethub_made_of_them(
    found: tuple[str, ...], applied: tuple[str, ...], there: tuple[str, ...], back: tuple[str, ...] | None
) -> None:
    made = estate()
    made.take(SPEC)
    assert made.lockfile is not None
    known = made.lockfile.resources[KEY]
    assert put_back(replace(known, attrs=replace(known.attrs, models=applied), found={"models": found}), there) == back


def test_a_key_that_somebody_narrowed_and_the_spec_says_so_since_is_not_widened_again() -> None:
    made = estate(SPEC, row(("one", "two"), metadata={"fleethub": mark()}))
    made.take(SPEC.key("web", models=["one", "two"]))
    world = replace(made.world.at_key("web", models=("one",)), lockfile=made.lockfile)
    accepted = SPEC.key("web", models=["one"])
    fleet_now = made.fleet(accepted)
    recorded = make_plan(fleet_now, made.lockfile, wanted(fleet_now, accepted), facts(world, accepted), SEAL)
    after = apply(world, recorded).world
    assert after.lockfile is not None
    assert after.lockfile.resources[KEY].found["models"] == ("one",)


def mark() -> dict[str, Any]:
    return {"lineage": LINEAGE, "serial": 0, "generation": 1}
