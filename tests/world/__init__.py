"""A fleet's whole world as one value, for tests of what is planned: no server, no folder, no clock.

    start = World.of(spec)                   proxies that know the spec's models, nothing else
    after = apply(start, plan(start, spec)).world
    assert plan(after, spec).steps == ()

The planner, the kinds, the lockfile's fold and the secrets are the real ones. What a step does to the world stands
in ``fold``, and ``tests/planning/test_same_story.py`` holds it to what ``fleethub.applying`` does to the stand-ins.
"""

from tests.world.applying import Applied, apply, settled
from tests.world.fold import Failed, fold
from tests.world.planning import facts, plan, wanted
from tests.world.running import denied
from tests.world.values import LINEAGE, SEAL, SEEDLESS, Node, Process, Proxy, World

__all__ = [
    "LINEAGE",
    "SEAL",
    "SEEDLESS",
    "Applied",
    "Failed",
    "Node",
    "Process",
    "Proxy",
    "World",
    "apply",
    "denied",
    "facts",
    "fold",
    "plan",
    "settled",
    "wanted",
]
