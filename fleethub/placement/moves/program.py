"""An integer program of zeros and ones, and HiGHS, which solves it. The extra ``solver`` brings it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fleethub.model.dataclass import dataclass
from fleethub.model.errors import FleetHubError
from fleethub.model.extras import install

#: Nodes of all searches of a program at most: a bound of work, not of time, so that two runs end alike.
NODES = 2_000


class NoSolver(FleetHubError):
    """The solver is not installed."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """``least`` <= the sum of weighted variables <= ``most``; None: no bound."""

    weights: Mapping[int, float]
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Solution:
    """``values`` of the variables (empty: there is no solution), the sum that was asked to be small, and whether none
    is smaller; ``least``: no solution has less.
    """

    values: Sequence[int]
    proved: bool
    least: float


class Program:
    """Variables are numbers from 0; each is 0 or 1."""

    def __init__(self) -> None:
        try:
            import highspy
        except ImportError as error:
            hint = f"add it: {install('solver')}"
            raise NoSolver("the solver is not installed", hint=hint) from error
        self._highspy: Any = highspy
        self._highs: Any = _silent(highspy)()
        for option, value in (
            ("output_flag", False),
            ("threads", 1),
            ("random_seed", 0),
            ("mip_rel_gap", 0.0),
            ("mip_abs_gap", 0.5),
        ):
            self._highs.setOptionValue(option, value)
        self.count, self.nodes = 0, NODES

    def variable(self) -> int:
        """A further variable."""
        self._highs.addCol(0.0, 0.0, 1.0, 0, [], [])
        self._highs.changeColIntegrality(self.count, self._highspy.HighsVarType.kInteger)
        self.count += 1
        return self.count - 1

    def add(self, row: Constraint) -> None:
        """A further row."""
        infinity = self._highspy.kHighsInf
        least = -infinity if row.least is None else row.least
        most = infinity if row.most is None else row.most
        names = sorted(row.weights)
        self._highs.addRow(least, most, len(names), names, [row.weights[name] for name in names])

    def solve(self, costs: Mapping[int, float]) -> Solution:
        """The solution with the smallest sum of costs."""
        for name in range(self.count):
            self._highs.changeColCost(name, costs.get(name, 0.0))
        self._highs.setOptionValue("mip_max_nodes", max(self.nodes, 1))
        self._highs.clearSolver()
        self._highs.run()
        status, kinds = self._highs.getModelStatus(), self._highspy.HighsModelStatus
        info = self._highs.getInfo()
        self.nodes -= max(int(info.mip_node_count), 0)
        if status == kinds.kInfeasible:
            return Solution((), True, 0.0)
        found = info.primal_solution_status == 2  # a feasible one
        values = [round(value) for value in self._highs.getSolution().col_value] if found else []
        return Solution(values, status == kinds.kOptimal, float(info.mip_dual_bound))


def _silent(highspy: Any) -> Any:
    """Its own class writes a banner to standard output while it is made, before it can be told not to."""

    def told_first(self: Any) -> None:
        self.silent()
        super(made, self).enableCallbacks()

    made: Any = type("Silent", (highspy.Highs,), {"enableCallbacks": told_first})
    return made
