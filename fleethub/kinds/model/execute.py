"""Model steps: have a server download, prove, load and remove a model."""

from __future__ import annotations

import time
from contextlib import closing

from fleethub.clients import gpu
from fleethub.clients.servers import MANAGERS, ModelManager, Pulling, ServerError
from fleethub.clients.shell import ShellError
from fleethub.engines.registry import ENGINES
from fleethub.kinds.execution import Context, Handler, StepError
from fleethub.kinds.model.actions import ModelDelete, ModelProve, ModelPull, ModelWarm
from fleethub.kinds.model.observe import KEPT, installed
from fleethub.model.address import Address
from fleethub.model.event import Progress
from fleethub.model.observation import Source
from fleethub.model.readings.server import Installed, Resident
from fleethub.model.text import gib

EVERY = 1.0  # seconds between two words on how far a pull is


def pull(do: ModelPull, context: Context) -> tuple[str, ...]:
    """One at a time on each machine, or server where that is not known, and no further than its disk has room for."""
    address = Address("model", f"{do.source.of.partition('.')[2]}.{do.tag}")
    manager, last, told = _manager(do.source, context), 0.0, ""
    with context.alone(do.machine or do.source.at):
        free = _free(do, context)
        try:
            with closing(manager.pull(do.tag)) as lines:
                begun: dict[str, int] = {}
                for line in lines:
                    context.pause(0)
                    _room(do, line, begun, free)
                    if line.says != told or time.monotonic() - last >= EVERY:
                        last, told = time.monotonic(), line.says
                        context.emit(Progress(address, line.says, line.done, line.total))
        except ServerError as error:
            raise StepError(str(error)) from None
    return ()


def prove(do: ModelProve, context: Context) -> tuple[str, ...]:
    """Its list of what is installed has the name, with the digest that it is held to."""
    there = _there(do.source, do.tag, context)
    if there is None:
        raise StepError(f"{do.source.at} does not list {do.tag}")
    if not there.digest.startswith(do.digest):
        raise StepError(
            f"{do.tag} has the digest {there.digest[:12]} there, and the spec holds it to {do.digest}: "
            "what is published under this name is another model by now"
        )
    pinned = "" if do.digest else f'; digest = "{there.digest[:12]}" in the spec holds it to that'
    return (f"{do.tag} at {do.source.at}: digest {there.digest[:12]}, {gib(there.size)}{pinned}",)


def warm(do: ModelWarm, context: Context) -> tuple[str, ...]:
    """Loaded as it is planned; what the server made of that is said, and how long it stays."""
    manager = _manager(do.source, context)
    context.say(f"loading {do.tag} with {do.context:,} tokens", 0)
    try:
        manager.load(do.tag, do.context)
        found = _resident(do.tag, do.source, manager)
    except ServerError as error:
        raise StepError(str(error)) from None
    if found is None:
        return (f"{do.tag} was loaded at {do.source.at} and is gone again: its server keeps it no longer",)
    notes = []
    if found.context not in (None, do.context):
        notes.append(f"{do.tag} has {found.context:,} tokens there, and {do.context:,} were asked for")
    if found.size_vram < found.size:
        notes.append(f"{gib(found.size - found.size_vram)} of {do.tag} are on the CPU")
    stays = "it stays as long as its server keeps what is idle, and no longer than another model leaves it the room"
    return (*notes, f"{do.tag} is loaded at {do.source.at}: {stays} (no keep_alive, not even -1, is a pin)")


def delete(do: ModelDelete, context: Context) -> tuple[str, ...]:
    """Unloaded first: what is loaded stays in memory after its name is gone."""
    manager = _manager(do.source, context)
    try:
        if _resident(do.tag, do.source, manager) is not None:
            manager.unload(do.tag)
        gone = manager.delete(do.tag)
    except ServerError as error:
        raise StepError(str(error)) from None
    return () if gone else (f"{do.tag} was gone from {do.source.at} already",)


def _manager(source: Source, context: Context) -> ModelManager:
    return MANAGERS[source.system](context.http, source.at)


def _there(source: Source, tag: str, context: Context) -> Installed | None:
    try:
        return installed(_manager(source, context).read(()), source, tag)
    except ServerError as error:
        raise StepError(str(error)) from None


def _resident(tag: str, source: Source, manager: ModelManager) -> Resident | None:
    canonical = ENGINES[source.system].canonical
    return next((one for one in manager.read(()).residents if canonical(one.tag) == canonical(tag)), None)


def _free(do: ModelPull, context: Context) -> int | None:
    """Bytes that the disk has free now; None: nobody tells."""
    if do.machine is None:
        return None
    shell = context.hosts.machine(do.machine)
    try:
        return (gpu.read_local(shell) if do.machine == "local" else gpu.read_remote(shell)).disk
    except (gpu.GpuError, ShellError):
        return None


def _room(do: ModelPull, line: Pulling, begun: dict[str, int], free: int | None) -> None:
    """Raises StepError once the layers that were begun need more than is free; ``begun``: what of each was there."""
    for digest, (done, _) in line.layers.items():
        begun.setdefault(digest, done)
    need = line.total - sum(begun.values())
    if free is not None and need + KEPT > free:
        raise StepError(
            f"{do.tag} needs {gib(need)} more, and the disk at {do.source.at} has {gib(free)} free, of which "
            f"{gib(KEPT)} must stay: nothing more was downloaded"
        )


HANDLERS: dict[type, Handler] = {ModelPull: pull, ModelProve: prove, ModelWarm: warm, ModelDelete: delete}
