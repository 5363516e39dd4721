"""The fleet's own checks: who asks them, and which functions may be loaded for that."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fleethub.checks.answers import CheckAnswer, Evaluate, lines_of, question
from fleethub.model.fleet import Check, Fleet
from fleethub.model.trust import COMMAND, Guard, function_line


def evaluator(fleet: Fleet, guard: Guard) -> Evaluate | None:
    """Who asks the fleet's checks, without a function that this machine does not know; None: there are none."""
    if not fleet.checks:
        return None

    def evaluate(checks: Sequence[Check], document: Mapping[str, Any]) -> list[CheckAnswer]:
        known = [n for n, check in enumerate(checks) if not check.use or guard.runs(function_line(check.use))]
        found = [
            CheckAnswer(n, -1, "failed", f"its function {check.use} is not known on this machine", _trust(check))
            for n, check in enumerate(checks)
            if n not in known
        ]
        mine = [checks[n] for n in known]
        return [*found, *_placed(_asked(question(mine, document), len(mine)), known)] if mine else found

    return evaluate


def _trust(check: Check) -> str:
    line = COMMAND + function_line(check.use)
    return f"if it is right: {shlex.join(['fleethub', 'trust', 'add', line])}"


def _placed(answers: Sequence[CheckAnswer], known: Sequence[int]) -> Iterator[CheckAnswer]:
    for one in answers:
        yield CheckAnswer(known[one.check], one.entry, one.outcome, one.says, one.hint)


def _asked(asked: bytes, count: int) -> list[CheckAnswer]:
    from fleethub.clients import checker

    try:
        text, why = checker.asked(asked)
    except OSError as error:
        text, why = b"", f"cannot be asked: {error.strerror or error}"
    answers, done = lines_of(text, count)
    if done < count:
        answers.append(CheckAnswer(done, -1, "failed", why or "ended before it answered"))
        behind = range(done + 1, count)
        answers += [CheckAnswer(n, -1, "failed", "was not asked, for one before it took all the time") for n in behind]
    return answers
