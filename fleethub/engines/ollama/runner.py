"""What the server keeps one process for: a file of weights, whatever the names are that lead to it.

Read at ``schedulerModelKey`` and ``needsReload`` of Ollama's ``server/sched.go``, from 0.9 to 0.33.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleethub.engines.ollama.names import CLOUD, canonical, is_cloud
from fleethub.model.capacity import AdmissionCheck, Placed, by_runner, largest
from fleethub.model.readings.server import Installed, Shown

#: A Modelfile's parameters that belong to the process, beside num_ctx.
RUNNER = ("num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "draft_num_predict")


def remote_of(installed: Installed | None, tag: str) -> str:
    """The host that answers a tag in the server's place; empty: none."""
    if installed is not None:
        return installed.remote
    return CLOUD if is_cloud(tag) else ""


def runner_of(shown: Shown | None, tag: str) -> str:
    """What the server keeps one process for: the file of the weights, else the tag."""
    return f"sha256:{shown.weights}" if shown is not None and shown.weights else canonical(tag)


def options_of(shown: Shown | None) -> tuple[str, ...]:
    """What a Modelfile has that process started with, beside the context; another value loads it anew."""
    if shown is None:
        return ()
    own = (f"{name} {shown.parameters[name]}" for name in RUNNER if name in shown.parameters)
    return (*own, *(part[:20] for part in shown.beside))


def distinct(planned: Sequence[Placed]) -> tuple[list[Placed], list[AdmissionCheck]]:
    """One load per runner, the largest, in a fixed order; a check that fails where its names ask it differently."""
    loads, checks = [], []
    for same in by_runner(sorted(planned, key=lambda p: (canonical(p.tag), p.model, p.context))):
        one = largest(same)
        loads.append(one)
        if says := differing(same):
            sizes, names = sorted({p.context for p in same}), tuple(p.model for p in same)
            checks.append(AdmissionCheck("context", one.model, sizes[-1], sizes[0], False, says, names))
    return loads, checks


def differing(same: Sequence[Placed]) -> str:
    """What the loads of one runner are asked for differently, so that it is loaded anew; empty: nothing."""
    tags = sorted({canonical(p.tag) for p in same})
    whose = tags[0] if len(tags) == 1 else f"{both(tags)} share one file of weights, which"
    sizes = sorted({p.context for p in same})
    if len(sizes) > 1:
        return f"{whose} is asked for with contexts {', '.join(map(str, sizes))}: each change loads it anew"
    if len({p.options for p in same}) > 1:
        asked = "; ".join(f"{canonical(p.tag)}: {', '.join(p.options) or 'none'}" for p in same)
        return f"{whose} is asked for with other options ({asked}): each change loads it anew"
    return ""


def both(names: Sequence[str]) -> str:
    """Several names in a sentence."""
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)


def shared(planned: Sequence[Placed]) -> Iterator[str]:
    """Names that are one load."""
    for same in by_runner(planned):
        tags = sorted({canonical(p.tag) for p in same})
        if len(tags) > 1:
            yield f"{both(tags)} share one file of weights: the server keeps one of them loaded, never both"
