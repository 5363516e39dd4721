"""OpenClaw's own JSON Schema for the version that a node is pinned to: ``openclaw config schema`` prints it.

It is stricter than the validator in one place (measured on 2026.9.6): a channel's required settings have defaults.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from fleethub.model.text import named
from fleethub.nodetypes.openclaw.checks import ConfigFinding

_VERSION = re.compile(r":(\d{4}\.\d+\.\d+)\b")
#: What these say names keys alone, never a value.
_NAMES = ("additionalProperties", "required", "dependencies", "propertyNames")


def version(image: str) -> str:
    """OpenClaw's version of an image's tag; empty where the tag does not say one."""
    match = _VERSION.search(image)
    return match[1] if match else ""


def check(config: Mapping[str, Any], schema: Mapping[str, Any], of: str) -> Iterator[ConfigFinding]:
    """Where a config does not fit the schema of version ``of``; no value of it is shown.

    The schema came with the repository: what it refers to outside itself is neither fetched nor opened, which
    jsonschema does by default.
    """
    from jsonschema import Draft7Validator
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        errors = list(Draft7Validator(schema, registry=Registry()).iter_errors(config))
    except Unresolvable as error:
        yield _unusable(of, f"it refers to {named(str(error.ref), 200)}, which is not in it")
        return
    except Exception as error:  # a schema can make the validator raise whatever Python can
        yield _unusable(of, type(error).__name__)
        return
    for found in errors:
        yield from _findings(found, of)


def _unusable(of: str, why: str) -> ConfigFinding:
    message = f"schemas/openclaw-{of}.json cannot be used as a JSON Schema: {why}"
    return ConfigFinding(
        "node.config-schema", message, f"write it anew: openclaw config schema > schemas/openclaw-{of}.json"
    )


def _findings(error: Any, of: str) -> Iterator[ConfigFinding]:
    from jsonschema.exceptions import best_match

    worst = best_match([error]) or error
    path = [str(part) for part in worst.absolute_path]
    if worst.validator == "required" and path[:1] == ["channels"]:
        return
    said = worst.message
    if worst.validator not in _NAMES:
        said = f"{worst.validator} must be {json.dumps(worst.validator_value)}"
    message = f"openclaw.json does not fit OpenClaw {of}: {'.'.join(path) or 'the whole'}: {said[:200]}"
    yield ConfigFinding("node.config-schema", message, "correct it in the node's [openclaw], or in the template")
