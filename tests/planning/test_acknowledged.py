"""A warning that the spec accepts is one line until its day; an error never is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleethub.model.address import Address
from fleethub.model.finding import Finding, Severity
from fleethub.model.fleet import Acknowledged
from fleethub.model.plan import Plan
from fleethub.planning.acknowledged import acknowledge
from fleethub.views.plan import plan_text
from fleethub.views.style import Style
from tests.fleets import fleet

GPU = Address("backend", "gpu")
FULL = Finding("capacity.exceeded", "too full", GPU, detail=("25 lines",) * 25, severity_override=Severity.WARNING)
OTHER = replace(FULL, address=Address("backend", "gpu-2"))
ONE = Acknowledged("capacity.exceeded", GPU, "till the new card is here", "2027-03-31")
NOW = "2027-03-31T23:59:59+00:00"


def planned(*findings: Finding, by: Acknowledged = ONE, at: str = NOW) -> Plan:
    spec = replace(fleet().fleet, acknowledged=(by,))
    return acknowledge(Plan("1", "monad", "", findings=findings), spec, at)


def test_it_is_one_line_until_its_day() -> None:
    made = planned(FULL, OTHER)
    assert made.findings == (OTHER,)
    assert made.notes == ()
    text = plan_text(made, Style())
    assert "  accepted capacity.exceeded backend.gpu until 2027-03-31: till the new card is here" in text.splitlines()


def test_without_an_address_it_is_of_all() -> None:
    assert planned(FULL, OTHER, by=replace(ONE, address=None)).findings == ()


def test_after_its_day_it_is_told_again_and_why() -> None:
    made = planned(FULL, at="2027-04-01T00:00:00+00:00")
    assert made.findings == (FULL,)
    assert "ended on 2027-03-31" in made.notes[0]
    assert "may be removed" in planned(at="2027-04-01T00:00:00+00:00").notes[0]


def test_an_error_is_never_accepted() -> None:
    wrong = replace(FULL, severity_override=None)
    made = planned(wrong)
    assert made.findings == (wrong,)
    assert "takes no error" in made.notes[0]


def test_what_meets_nothing_is_told() -> None:
    assert "meets nothing now" in planned().notes[0]


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ('code = "capacity.exceded"', 'did you mean "capacity.exceeded"?'),
        ('code = "state.behind"', "nobody accepts it"),
        ('code = "key.spent"\naddress = "web"', "is no address"),
        ('code = "key.spent"\nuntil = 2027-13-01', "TOML"),
    ],
)
def test_a_wrong_one_is_answered_with_what_is_right(block: str, says: str) -> None:
    from fleethub.fleetspec import load
    from tests.fleets import NOWHERE

    more = "" if "until" in block else "\nuntil = 2027-03-31"
    text = f'{fleet().node("a", "one").text}\n[[accept]]\nreason = "known"\n{block}{more}\n'
    found = load(NOWHERE, {NOWHERE.name: text.encode()}).findings
    assert any(says in f"{f.message} {f.hint}" for f in found), found
