"""What is known of a model beside its server: a file of the fleet, or its parameters in the spec."""

from __future__ import annotations

from dataclasses import replace

from fleethub.model.capacity import Sure
from fleethub.model.facts import Facts
from fleethub.model.observation import Unknown
from fleethub.model.readings.server import ModelFile
from fleethub.model.serving import Model
from fleethub.sizing.architecture import ModelArchitecture, architecture_of, architecture_of_params, why_unknown

#: What to write where nothing tells a model's size.
DECLARE = 'give it file = "…" (its GGUF or config.json), params = "…" or vram = "…"'


def architecture_told(model: Model, facts: Facts, quant: str = "Q4_K_M") -> ModelArchitecture | None:
    """By its file, else a typical one of its parameters; None: neither tells it. ``quant``: what it is loaded in.

    A config.json without the sizes of its weights has its shape from there, and its bytes from the parameters.
    """
    label = model.quant or quant
    reading = facts.of(model.source) if model.source else None
    if isinstance(reading, ModelFile):
        size = reading.size
        if not size and model.params is not None:
            size = architecture_of_params(model.params, label).weights
        found = architecture_of(reading.shown, size)
        if found is not None and reading.size and not reading.shown.tensors:  # the weights themselves, nothing else
            return replace(found, sure=Sure.EXACT, low=1.0, high=1.0, source=f"the weights beside {model.file}")
        if found is not None:
            return found
    return architecture_of_params(model.params, label) if model.params is not None else None


def weights_told(model: Model) -> int | None:
    """Bytes of its weights by its parameters; None: the spec does not tell them."""
    return None if model.params is None else architecture_of_params(model.params, model.quant or "Q4_K_M").weights


def why_untold(model: Model, facts: Facts) -> str:
    """Why there is none, for people."""
    if model.source is None:
        return f"the spec does not tell the size of {model.name}: {DECLARE}"
    reading = facts.of(model.source)
    if isinstance(reading, Unknown):
        return reading.reason
    why = why_unknown(reading.shown, reading.size) if isinstance(reading, ModelFile) else "it was not read"
    return f"{model.file} does not tell the size of {model.name} ({why})"


def told_dtype(model: Model, facts: Facts) -> str:
    """The type that its file says its numbers are of, like bfloat16; empty: not told."""
    reading = facts.of(model.source) if model.source else None
    return reading.shown.parameters.get("dtype", "") if isinstance(reading, ModelFile) else ""
