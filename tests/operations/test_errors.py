"""One base of errors: the command line maps its exit, the HTTP API its code."""

from __future__ import annotations

import pytest

from fleethub.cli.errors import report
from fleethub.lockfile.errors import LockfileError
from fleethub.model.edit import EditError, NotCommitted, SpecChanged, WrittenEdit
from fleethub.model.errors import FleetHubError, InputError, SpecError
from fleethub.operations.held import UnknownPlan
from fleethub.operations.trust import TrustInputError
from fleethub.server.errors import CODES, WORDS, refusal_of
from fleethub.state.trust import TrustError
from fleethub.stores.interface import Holder, LockedError, StaleLockfileError

CASES = [
    (EditError("unknown-node", "there is no node z", "look"), 1, "error: there is no node z (look)", "NOT_FOUND"),
    (EditError("by-hand", "it is written so"), 1, "error: it is written so", "REFUSED"),
    (EditError("bad-field", "x is no field"), 1, "error: x is no field", "VALIDATION"),
    (SpecChanged("it moved"), 4, "error: it moved", "STALE"),
    (NotCommitted(WrittenEdit(("a",), ""), "no git"), 1, "error: the spec IS edited (a)", "REFUSED"),
    (LockedError(Holder("ops@there")), 5, "error: the fleet is locked by ops@there", "LOCKED"),
    (StaleLockfileError("it moved"), 4, "error: it moved", "STALE"),
    (LockfileError("it is empty"), 1, "error: it is empty", "REFUSED"),
    (TrustError("no home"), 1, "error: no home", "REFUSED"),
    (TrustInputError("no URL"), 1, "error: no URL", "REFUSED"),
    (UnknownPlan("no plan"), 1, "error: no plan", "NOT_FOUND"),
    (InputError("no such backend"), 1, "error: no such backend", "QUESTION"),
    (InputError("no such model", code="absent"), 1, "error: no such model", "NOT_FOUND"),
    (SpecError(()), 1, "error: 0 findings", "SPEC_BROKEN"),
]


@pytest.mark.parametrize(("error", "code", "text", "word"), CASES, ids=lambda case: type(case).__name__)
def test_each_front_end_maps_the_base(
    error: FleetHubError, code: int, text: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(error) == code
    assert capsys.readouterr().err.startswith(text)
    assert refusal_of(error).code == word


def test_what_the_machine_refuses_is_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    for error, says in (
        (PermissionError(13, "Permission denied", "/srv/x"), "Permission denied: '/srv/x'"),
        (OSError("odd"), "odd"),
    ):
        assert report(error) == 1
        assert capsys.readouterr().err == f"error: {says}\n"


def test_every_word_has_a_status() -> None:
    assert set(WORDS.values()) <= CODES.keys()
