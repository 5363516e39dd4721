"""Fleets and hands for the laws: few names, so that things meet, and few texts, so that each is loaded once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hypothesis import strategies as st

from fleethub.model.plan import Step
from tests.fleets import Spec, fleet
from tests.world.fold import started
from tests.world.values import Node, World

ALIASES = ("one", "two", "three")
NODES = ("a", "b")
FAR = "ssh://ops@{host}/srv/{name}"
CHAINS = (("one",), ("two", "one"), ("one", "two", "three"))
GENERATIONS = st.sampled_from((None, None, 2))
STORES = st.sampled_from((None, None, "file"))
LIMITS = ({}, {"rpm": 60}, {"max_budget": 9.0, "budget_duration": "30d"})


@st.composite
def specs(draw: st.DrawFn, store: str | None = None, **head: object) -> Spec:
    """Up to two nodes, in folders or behind SSH, with keys of their own or a shared one; a key without a node.

    ``store``: where the keys of those behind SSH stand.
    """
    made = fleet(manage_routes=draw(st.booleans()) or None, **head).models(*ALIASES)
    if draw(st.booleans()):
        made = made.table("defaults.node", target=FAR, key_store=store)
    for name in NODES:
        chain = draw(st.sampled_from((None, *CHAINS)))
        if chain is not None:
            made = made.node(name, *chain, key=draw(st.sampled_from((None, "shared"))))
    users = {block.get("key", name) for name, block in made.doc.get("nodes", {}).items()}
    for name in sorted(users):
        made = made.key(name, generation=draw(GENERATIONS), **draw(st.sampled_from(LIMITS)))
    if draw(st.booleans()):
        made = made.key("web", models=["one"], generation=draw(GENERATIONS))
    return made


#: Where a node may be; on a machine also in another one's place.
PLACES = ("nodes/{name}", "nodes/other-{name}", FAR, "ssh://ops@here/srv/{name}", "ssh://ops@here/srv/x")
PROXIES = {name: f"http://{name}.example:4000" for name in ("first", "second", "third")}
NEAR, BEYOND = ("one", "two"), ("three", "four")


@st.composite
def estates(draw: st.DrawFn, before: Spec | None = None, **head: object) -> Spec:
    """What ``specs`` has not: two proxies, one's other name and the other's other URL, types, places that nodes leave
    to each other, a key's store of each, programs that only get a key, and of what ``before`` has under another name
    that it was renamed.
    """
    first = draw(st.sampled_from(("first", "first", "renamed")))
    url = PROXIES[draw(st.sampled_from(("second", "second", "second", "third")))]
    made = fleet(None, **head).proxy(first, PROXIES["first"]).proxy("second", url)
    made = made.table("policy", revoked=draw(st.sampled_from((None, "restore"))))
    made = made.models(*NEAR, proxy=first, route="openai/near").models(*BEYOND, proxy="second", route="openai/far")
    taken: set[str] = set()
    for name in sorted(draw(st.sets(st.sampled_from(("a", "b", "c")), max_size=2))):
        chain = draw(st.sampled_from((("one",), ("two", "one"), ("three",), ("four", "one"))))
        target = draw(st.sampled_from(PLACES)).format(name=name, host=name)
        target = FAR.format(name=name, host=name) if target in taken else target
        taken.add(target)
        block = {"target": target, "key": draw(st.sampled_from((None, None, "shared")))}
        if draw(st.sampled_from((False, False, False, True))):
            chain, block = chain[:1], {**block, "type": "envfile"}
        elif len(chain) == 1 or chain == ("two", "one"):
            block |= {"key_store": draw(st.sampled_from((None, "file"))), "project": draw(st.sampled_from((None, "x")))}
        made = made.node(name, *chain, **block)
    if draw(st.booleans()):
        made = made.table("consumers.p", model="one", file="key", target="consumers/p", settle="0s")
    users = {block.get("key", name) for name, block in made.doc.get("nodes", {}).items()}
    for name in sorted(users):
        made = made.key(name, generation=draw(GENERATIONS), **draw(st.sampled_from(LIMITS)))
    return _renamed(draw, before, made) if before is not None else made


def _renamed(draw: st.DrawFn, before: Spec, made: Spec) -> Spec:
    """With a ``[[moved]]`` for some of what has no longer the name that it had."""
    for group, kind in (("nodes", "node"), ("proxies", "proxy")):
        old, new = before.doc.get(group, {}), made.doc.get(group, {})
        for was, now in zip(sorted(old.keys() - new.keys()), sorted(new.keys() - old.keys()), strict=False):
            if draw(st.booleans()):
                made = made.moved(f"{kind}.{was}", f"{kind}.{now}")
    return made


def any_order(draw: Callable[[st.SearchStrategy[int]], int]) -> Callable[[Sequence[Step]], Step]:
    """For ``apply(pick=…)``: each time any of the steps that are ready."""
    return lambda ready: ready[draw(st.integers(0, len(ready) - 1))]


def _narrowed(world: World, alias: str) -> World:
    return world.at_key(alias, models=world.key(alias).models[:1])


def _gone(world: World, alias: str) -> World:
    return world.at_proxy(lambda proxy: proxy.without_key(world.key(alias).token))


#: What somebody may do to a key by its alias; only to one that is there.
KEY_HANDS: dict[str, Callable[[World, str], World]] = {
    "narrow": _narrowed,
    "widen": lambda world, alias: world.at_key(alias, models=(*world.key(alias).models, "three")),
    "block": lambda world, alias: world.at_key(alias, blocked=True),
    "limit": lambda world, alias: world.at_key(alias, limits={**world.key(alias).limits, "rpm_limit": 1}),
    "routes": lambda world, alias: world.at_key(alias, allowed_routes=("/v1/models",)),
    "aliases": lambda world, alias: world.at_key(alias, aliases={"one": "two"}),
    "unmark": lambda world, alias: world.at_key(alias, metadata={"note": "mine"}),
    "rename": lambda world, alias: world.at_key(alias, alias=f"{alias}-renamed"),
    "twin": lambda world, alias: world.at_proxy(lambda p: p.with_key(replace(world.key(alias), token="ab" * 32))),
    "delete": _gone,
}
#: What somebody may do at a target; only where something is.
NODE_HANDS: dict[str, Callable[[World, str], World]] = {
    "file": lambda world, at: world.at_file(at, "openclaw.json", b'{"agents": 1}'),
    "mode": lambda world, at: world.at_file(at, ".env", world.nodes[at].files[".env"][0], 0o644),
    "less": lambda world, at: world.at_file(at, "compose.yaml", None),
    "unmark": lambda world, at: world.at_node(at, lambda node: replace(node, mark=None)),
    "restart": lambda world, at: started(world, at, 18789) if world.nodes[at].process else world,
    "empty": lambda world, at: world.at_node(at, lambda _: Node()),
    "folder": lambda world, at: world.at_node(at, lambda _: None),
}
hands = st.lists(
    st.tuples(st.sampled_from((*KEY_HANDS, *NODE_HANDS)), st.sampled_from((*NODES, "shared", "web"))), max_size=3
)


def meddled(world: World, deeds: Sequence[tuple[str, str]]) -> World:
    """The world after somebody's hands."""
    for what, name in deeds:
        if what in KEY_HANDS and len(world.proxy.find(name)) == 1:
            world = KEY_HANDS[what](world, name)
        for target in (f"nodes/{name}", FAR.format(host=name, name=name)):
            if what in NODE_HANDS and ".env" in world.nodes.get(target, Node()).files:
                world = NODE_HANDS[what](world, target)
    return world
