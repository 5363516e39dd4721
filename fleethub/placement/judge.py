"""What a verdict on a backend's planned set means under the fleet's policy: findings, and who may not come."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from textwrap import wrap

from fleethub.engines.interface import Server
from fleethub.model.address import Address
from fleethub.model.capacity import (
    WORSE,
    AdmissionCheck,
    AdmissionVerdict,
    Fit,
    Placed,
    by_runner,
    largest,
    sharing,
)
from fleethub.model.finding import Finding, Severity
from fleethub.model.fleet import Fleet
from fleethub.model.plan import Blocker, Why
from fleethub.model.serving import Backend
from fleethub.model.text import gib, plural
from fleethub.sizing.devices import MEMORY

#: Columns of a detail's line, so that with a plan's indent it stays within 100.
WIDE = 94
#: Rules with a sentence of their own; what breaks another one does not fit.
KNOWN = ("physical", "preflight", "count", "spill")


class SetJudge:
    """Findings and refusals of one verdict under the fleet's policy."""

    def __init__(
        self,
        fleet: Fleet,
        backend: Backend,
        server: Server,
        verdict: AdmissionVerdict,
        earlier: AdmissionVerdict,
        newcomers: Sequence[str],
    ) -> None:
        self.policy, self.backend, self.server = fleet.policy.overcommit, backend, server
        self.verdict, self.earlier, self.newcomers = verdict, earlier, list(dict.fromkeys(newcomers))
        self.findings: list[Finding] = []
        self.refused: dict[str, Blocker] = {}

    def run(self) -> None:
        """Fill ``findings`` and ``refused``."""
        verdict = self.verdict
        fallbacks = {name for name, _ in verdict.fallbacks}  # not one that shares its process with a primary
        broken = [c for c in verdict.checks if not c.holds and c.rule != "context"]
        mine = [c for c in broken if c.model not in fallbacks]
        self._primaries(mine)
        for alias in sorted(fallbacks):
            own = [c for c in broken if c.model == alias]
            if own:
                self._fallback(alias, own)
        if verdict.fit is Fit.UNKNOWN or verdict.reason:
            self._unknown()

    def _primaries(self, broken: Sequence[AdmissionCheck]) -> None:
        by = {rule: [c for c in broken if c.rule == rule] for rule in KNOWN}
        own = [c for c in broken if c.rule not in KNOWN]
        name, total = self.backend.name, self.verdict.total or 0
        unseen = "" if self.server.observed else " (not observed)"
        if own:
            self._say("capacity.exceeded", f"{name}{unseen}: {own[0].says}", self._next(own[0]), own[1:])
        elif by["physical"]:
            check = by["physical"][0]
            what = "memory" if any(gpu in MEMORY.values() for gpu, _ in self.server.gpus) else "VRAM"
            self._say(
                "capacity.exceeded",
                f"{name} has {gib(total)} of {what}{unseen}, and what is planned for it needs {gib(check.need)}",
                "wire fewer models there, a smaller context or quant, or another backend",
                by["preflight"][:1],
            )
        elif by["preflight"] or by["count"]:
            check = (by["preflight"] or by["count"])[0]
            says = "the models fit, and yet this server would evict: " if by["preflight"] else ""
            self._say("capacity.evicts", f"{name}{unseen}: {says}{check.says}", self._next(check), by["preflight"][1:])
        elif by["spill"]:
            check = by["spill"][0]
            self._say("capacity.spills", f"{name}{unseen}: {check.says}", self._next(check), by["spill"][1:])

    def _next(self, check: AdmissionCheck) -> str:
        model = check.model or (check.order[-1] if check.order else "MODEL")
        return f"fleethub capacity {self.backend.name} {shlex.quote(model)} shows what would make it fit"

    def _say(self, code: str, message: str, hint: str, more: Sequence[AdmissionCheck]) -> None:
        """An error where the policy refuses, else a warning."""
        refuse = self.policy == "refuse" or (self.policy == "refuse-new" and self._worse())
        if refuse and self.policy == "refuse-new":
            hint += '; overcommit = "warn" in [policy] lets it through'
        said = (*(c.says for c in more), *self.verdict.notes)
        detail = (*table(self.verdict), *(line for text in said for line in wrap(text, WIDE, subsequent_indent="  ")))
        severity = Severity.ERROR if refuse else Severity.WARNING
        self.findings.append(self._finding(code, message, hint, detail, severity))
        if refuse:
            self.refused |= dict.fromkeys(self.newcomers, Blocker(Why.REFUSED, message))

    def _finding(
        self, code: str, message: str, hint: str, detail: Iterable[str] = (), severity: Severity | None = None
    ) -> Finding:
        address = Address("backend", self.backend.name)
        return Finding(code, message, address, self.backend.place, hint, tuple(detail), severity)

    def _worse(self) -> bool:
        """Whether newcomers make the backend worse than the lockfile's set: its verdict, or its sum."""
        if not self.newcomers:
            return False
        before, after = self.earlier, self.verdict
        if before.fit in WORSE and after.fit in WORSE and WORSE.index(after.fit) > WORSE.index(before.fit):
            return True
        if before.need is None:
            return True
        known = (
            sum(size for p in after.placed if (size := most_bytes(p)) is not None) if after.need is None else after.need
        )
        return known > before.need

    def _fallback(self, alias: str, broken: Sequence[AdmissionCheck]) -> None:
        name, check = self.backend.name, broken[0]
        why = next((f" ({p.why})" for p in self.verdict.placed if p.model == alias and p.why), "")
        if check.rule == "physical" or check.rule not in KNOWN:
            message = f"{name}: the fallback {check.says}" + (", even alone" if check.rule == "physical" else "") + why
            new = sharing(self.verdict.placed, alias) & {*self.newcomers}
            refuse = self.policy == "refuse" or (self.policy == "refuse-new" and bool(new))
            severity = Severity.ERROR if refuse else Severity.WARNING
            hint = "wire a smaller context or quant, or another backend"
            self.findings.append(
                self._finding("capacity.exceeded", message, hint, table(self.verdict, alias), severity)
            )
            if refuse:
                self.refused |= dict.fromkeys(sorted(new), Blocker(Why.REFUSED, message))
            return
        whom = ", ".join(p.model for p in self.verdict.placed if p.primary)
        if any(c.rule in ("preflight", "count") for c in broken):
            check = next(c for c in broken if c.rule in ("preflight", "count"))
            code, message = (
                "capacity.evicts",
                f"{name}: the fallback {alias}{why} and {whom} evict each other: {check.says}",
            )
        else:
            code, message = "capacity.spills", f"{name}: the fallback {alias}{why} beside {whom}: {check.says}"
        hint = f"fleethub capacity {name} {shlex.quote(alias)} shows what would make it fit"
        self.findings.append(self._finding(code, message, hint, (), Severity.WARNING))

    def _unknown(self) -> None:
        """Refuses a new placement whose size, GPUs or neighbours are not known; warns for what is already so."""
        verdict = self.verdict
        unsized = [p.model for p in verdict.placed if p.estimate.total is None]
        if verdict.fit is Fit.EXCEEDS and not set(unsized) & set(self.newcomers) - set(self.refused):
            return
        message = f"whether the models of {self.backend.name} fit is not known: {verdict.reason}"
        hint = (
            'declare gpus on the backend; or memory = "… GiB", where models lie in the machine\'s own'
            if verdict.total is None
            else 'pull the model there, or tell its size: vram = "… GiB", or file = "…" of the model'
        )
        self.findings.append(self._finding("capacity.unknown", message, hint))
        new = [m for m in unsized if m in self.newcomers] if unsized and verdict.total is not None else self.newcomers
        if self.policy != "warn":
            for alias in new:
                self.refused.setdefault(alias, Blocker(Why.UNKNOWN, message))


def most_bytes(load: Placed) -> int | None:
    """The most that a load takes; None: not known."""
    return None if load.estimate.total is None else max(load.estimate.high, load.estimate.total)


def table(verdict: AdmissionVerdict, alias: str = "") -> tuple[str, ...]:
    """The arithmetic of the primaries, or of one model: one line per load, its rows, the reserve, the sum."""
    chosen = (p for p in verdict.placed if p.model == alias or (not alias and p.primary))
    groups = {largest(group): [p.model for p in group] for group in by_runner(chosen)}
    loads, lines = list(groups), list[str]()
    for load in sorted(loads, key=lambda p: (not p.primary, -(p.estimate.total or 0), p.model)):
        kind = "" if load.primary else f", {load.why or 'fallback'}"
        most = most_bytes(load) or 0
        kind += f", at most {gib(most)}" if most > (load.estimate.total or 0) else ""
        if load.estimate.total is None:
            lines.append(f"{'?':>10}  {load.model}: {load.estimate.reason}")
            continue
        names = " and ".join(groups[load])
        lines.append(f"{gib(load.estimate.total):>10}  {names} ({load.context} tokens by {load.context_from}{kind})")
        rows = [f"{row.what} {gib(row.bytes)} ({row.source})" for row in load.estimate.rows if row.bytes >= 1 << 26]
        lines += [f"{'':>14}{text}" for text in _wrapped(rows)]
    gpus = len(verdict.gpus)
    lines.append(f"{gib(verdict.reserve):>10}  reserve on {plural(gpus, 'GPU')} (policy)")
    sizes = [most_bytes(p) for p in loads]
    if None not in sizes and verdict.total is not None:
        need = sum(size or 0 for size in sizes) + verdict.reserve
        there = f"{gib(verdict.total)} there ({verdict.total_from})"
        over = need - verdict.total
        lines.append(f"{gib(need):>10}  needed; {there}{f': {gib(over)} too much' if over > 0 else ''}")
    return tuple(lines)


def _wrapped(parts: Sequence[str], width: int = 80) -> list[str]:
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(part) + 3 <= width:
            lines[-1] += f" + {part}"
        else:
            lines.append(f"+ {part}" if lines else part)
    return lines
