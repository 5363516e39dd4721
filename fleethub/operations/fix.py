"""A suggestion of capacity written into the spec: its context, its backend, its settings of the server.

What the server itself runs with is not changed by that: where its settings are read from its machine, they hold until
it is started with the new ones.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from fleethub.engines.interface import KV_TYPE, PARALLEL
from fleethub.engines.registry import engine_of
from fleethub.fleetspec import Loaded, load
from fleethub.fleetspec.blocks import Names
from fleethub.fleetspec.edit import with_values
from fleethub.model.address import Address
from fleethub.model.capacity import Answer, Fit, Suggestion
from fleethub.model.dataclass import dataclass
from fleethub.model.edit import EditError, Proposal
from fleethub.model.errors import SpecError
from fleethub.model.fleet import Fleet
from fleethub.model.serving import Model
from fleethub.model.text import table_name
from fleethub.operations import capacity
from fleethub.operations.edit import begun, concluded, judged
from fleethub.operations.edit_ownership import block_owned, who_asks
from fleethub.operations.inputs import CapacityInput
from fleethub.operations.outcome import Outcome
from fleethub.operations.trust import ALONE, Trusting


@dataclass(frozen=True, slots=True)
class FixInput:
    """``number``: which suggestion to the question, from 1. ``project``, ``force``, ``dry_run``: those of any edit."""

    question: CapacityInput
    number: int
    project: str = ""
    force: bool = False
    dry_run: bool = False


def propose(path: Path, asked: FixInput, trusting: Trusting = ALONE) -> Outcome[Proposal]:
    """The spec with the suggestion in it, and the plan that would follow; writes nothing.

    Raises SpecError, AskError, and EditError for what is no suggestion, or none that the spec can say.
    """
    spec = load(path)
    if spec.fleet is None:
        raise SpecError(spec.findings)
    fleet, question = spec.fleet, asked.question
    project = who_asks(fleet, asked.project)
    looked = capacity.look(path, question.model, trusting)
    answer = capacity.run(looked, question).data.answer
    if answer is None:
        raise EditError("bad-field", "a suggestion is about one model on one backend", "capacity BACKEND MODEL --fix N")
    model = fleet.models.get(answer.placed.model)
    if model is None:
        message = f"{answer.placed.model} is not in the spec, so there is nothing to write it into"
        raise EditError("bad-field", message, "add it first: [models.NAME] with backends, route and context")
    if not answer.wired:
        message = f"{model.name} is not on {answer.backend} in the spec, so nothing there is set for it"
        hint = f'write backends = ["{answer.backend}"] in [models.{table_name(model.name)}], and ask again'
        raise EditError("bad-field", message, hint)
    chosen = _chosen(answer, asked)
    values = dict(_values(fleet, model, answer, _whole(question, answer, chosen)))
    proposal = _proposal(spec, fleet, answer, asked, chosen, project)
    for group, name in sorted({path[:2] for path in values}):
        block = fleet.models[name] if group == "models" else fleet.backends[name]
        proposal = block_owned(proposal, f"[{group}.{name}]", block, project)
    if proposal.findings:
        return concluded(proposal, asked.dry_run)
    made = with_values(spec, values)
    proposal = replace(proposal, files=made.files, notes=(*made.notes, *_notes(answer, chosen, values)))
    return concluded(judged(path, spec, proposal, None, trusting), asked.dry_run)


def _chosen(answer: Answer, asked: FixInput) -> Suggestion:
    found, where = answer.suggestions, f"fleethub capacity {answer.backend} {shlex.quote(answer.placed.model)}"
    number, question = asked.number, asked.question
    if answer.verdict.fit is Fit.FITS:
        supposed = (question.context, question.parallel, question.kv_type) != (None, None, None)
        how = "as it is asked about" if supposed else "as it is"
        message = f"{answer.placed.model} fits on {answer.backend} {how}: there is nothing to fix"
        raise EditError("bad-field", message, f"{where} asks about it as it is" if supposed else "")
    if not found:
        raise EditError(
            "bad-field", f"nothing is known that would make it fit on {answer.backend}", f"{where} says why"
        )
    if not 1 <= number <= len(found):
        raise EditError("bad-field", f"there is no suggestion {number}", f"{where} shows 1 to {len(found)}")
    return found[number - 1]


def _whole(question: CapacityInput, answer: Answer, chosen: Suggestion) -> dict[str, str | int]:
    """What the question supposes, and the suggestion: what holds with both need not hold with one of them.

    Another backend was judged with the settings that it has.
    """
    moved = any(name == "backend" for name, _ in chosen.values)
    context = answer.placed.context if question.context is not None else None
    supposed = {"context": context, **({} if moved else {PARALLEL: question.parallel, KV_TYPE: question.kv_type})}
    return {name: value for name, value in supposed.items() if value is not None} | dict(chosen.values)


def _values(
    fleet: Fleet, model: Model, answer: Answer, values: Mapping[str, str | int]
) -> Iterable[tuple[Names, object]]:
    """Path in the spec -> value. Raises EditError for what the spec does not say."""
    backend = fleet.backends[answer.backend]
    for name, value in values.items():
        if name == "context":
            yield ("models", model.name, "context"), value
        elif name == "backend":
            others = (b if b != answer.backend else str(value) for b in model.backends)
            yield ("models", model.name, "backends"), list(dict.fromkeys(others))
        elif name == "quant":
            message = f"another quantisation ({value}) is another model on the server, which this cannot choose"
            hint = f"install one in {value} there, and write its name into the route of [models.{model.name}]"
            raise EditError("by-hand", message, hint, model.place)
        else:
            assert backend.engine is not None  # a question is about a backend with a server
            engine = engine_of(backend.engine)
            keys = engine.written(name, value)
            if not keys:
                message = f"{name} = {value}: the spec does not say this of a {backend.engine.title}"
                raise EditError("by-hand", message, "change it where its server is started", backend.place)
            for key, written in keys.items():
                yield ("backends", backend.name, backend.engine.engine, key), written


def _proposal(
    spec: Loaded, fleet: Fleet, answer: Answer, asked: FixInput, chosen: Suggestion, project: str
) -> Proposal:
    says = f"fix {answer.placed.model} on {answer.backend}: {chosen.says}"
    return begun(spec, fleet, "fix", says, Address("backend", answer.backend), project, asked.force)


def _notes(answer: Answer, chosen: Suggestion, values: Mapping[Names, object]) -> Iterable[str]:
    if chosen.cost:
        yield chosen.cost
    if any(path[0] == "backends" for path in values):
        yield (
            f"the server of {answer.backend} must be started with it: fleethub capacity --settings {answer.backend} "
            "shows how"
        )
