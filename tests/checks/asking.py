"""Checks are asked in this process: what the worker does, without starting one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fleethub.checks.answers import CheckAnswer, question
from fleethub.checks.worker import answers
from fleethub.model.fleet import Check


def here(checks: Sequence[Check], document: Mapping[str, Any]) -> list[CheckAnswer]:
    """The answers of expressions, and of functions that are installed."""
    asked = json.loads(question(checks, document))
    return [answer for one in asked["checks"] for answer in answers(one, asked["view"])]
