"""VRAM for people and machines: a bar per GPU, the table of what is planned, an answer with its checks, a ranking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fleethub.engines.registry import nowhere
from fleethub.model.capacity import (
    AdmissionCheck,
    AdmissionVerdict,
    Answer,
    CapacityReport,
    Estimate,
    Fit,
    Held,
    Placed,
    Rank,
    Suggestion,
    Sure,
)
from fleethub.model.text import gib, plural
from fleethub.views.gpu_bar import LONGEST, MARKS, bar_text, legend, mark, words
from fleethub.views.plan import findings_lines
from fleethub.views.style import Style

COLOURS = {Fit.FITS: "good", Fit.UNKNOWN: "warning", Fit.SPILLS: "error", Fit.EVICTS: "error", Fit.EXCEEDS: "error"}
SURE = (Sure.MEASURED, Sure.EXACT, Sure.ESTIMATED)


def overview_text(reports: Sequence[CapacityReport], style: Style, width: int = 100, blocks: bool = False) -> str:
    """Every backend; ``width`` in characters; ``blocks`` False: plain ASCII bars."""
    if not reports:
        said = nowhere()
        return f"{said[0].upper()}{said[1:]}."
    marks = "  ".join(f"{mark(kind, blocks, style)} {words(kind)}" for kind in MARKS)
    lines = [style("dim", "of each GPU: ") + marks]
    for report in reports:
        lines += ["", *_report(report, style, width, blocks)]
    return "\n".join(lines)


def answer_text(answer: Answer, style: Style) -> str:
    """Can a backend hold a model: sentence, rows, neighbours, checks, largest context, changes."""
    mine, verdict = answer.placed, answer.verdict
    beside = [p for p in verdict.placed if p.model != mine.model]
    lines = [f"{style('bold', _sentence(answer, beside))}  {_fit(verdict, style)}"]
    lines += [f"  {verdict.reason}"] if verdict.reason else []
    for name, fit in verdict.fallbacks:
        if fit is not Fit.FITS and verdict.fit is Fit.FITS:
            lines.append(f"  {style('warning', 'but')} when the fallback {name} is loaded beside it: {fit.value}")
    lines += [f"  not observed: {answer.unobserved}"] if answer.unobserved else []
    lines += ["", style("bold", f"{_named(mine)}: {_load(mine)}"), *_rows(mine.estimate), *_parts(mine)]
    if beside:
        lines += ["", style("bold", "Planned beside it"), *_neighbours(beside)]
    later = {name for name, _ in verdict.fallbacks}
    checks = [c for c in verdict.checks if c.model not in later]
    lines += ["", style("bold", "Checks"), *_checks(checks, style)] if checks else []
    if verdict.fallbacks:
        lines += ["", style("bold", "Fallbacks, one at a time"), *_fallbacks(verdict, style)]
    if answer.held:
        lines += ["", style("bold", "Loaded there now"), *(f"  {line}" for line in _residents(answer.held, style, ""))]
    if answer.beside is not None:
        lines += ["", style("bold", "With what is loaded now and nobody planned"), *_beside(answer, style)]
    if answer.before.fit not in (Fit.FITS, Fit.UNKNOWN) and verdict.fit is not Fit.FITS:
        lines += ["", f"Without {mine.model} the planned set does not fit either: {answer.before.fit.value}."]
    lines += ["", _largest(answer)]
    if verdict.fit is not Fit.FITS:
        lines += _suggestions(answer.suggestions, verdict, style)
        lines += (
            [style("dim", "  --fix N writes the N-th into the spec")] if answer.suggestions and answer.wired else []
        )
    return "\n".join(lines + [style("dim", f"({note})") for note in (*verdict.notes, *answer.notes)])


def places_text(ranks: Sequence[Rank], style: Style) -> str:
    """Backends as places for one model, best first."""
    model = ranks[0].answer.placed.model
    lines = [style("bold", f"Where {model} could go, best first")]
    rows = []
    for rank in ranks:
        verdict = rank.answer.verdict
        free = gib(rank.headroom) + " free" if rank.headroom is not None and rank.headroom >= 0 else ""
        beside = [p.model for p in verdict.placed if p.primary and p.model != model]
        said = rank.reason or (f"beside {', '.join(beside)}" if beside else "alone")
        apart = [name for name, fit in verdict.fallbacks if fit is not Fit.FITS]
        said += f"; not with the fallback {', '.join(apart)}" if apart and verdict.fit is Fit.FITS else ""
        said += "; not observed" if rank.answer.unobserved else ""
        rows.append((rank.answer.backend, verdict.fit.value, free, f"{rank.answer.placed.context:,} tokens", said))
    colours = [COLOURS[rank.answer.verdict.fit] for rank in ranks]
    for line, colour, row in zip(_table(rows), colours, rows, strict=True):
        lines.append("  " + line.replace(row[1], style(colour, row[1]), 1))
    return "\n".join(lines)


def arithmetic(verdict: AdmissionVerdict, style: Style) -> list[str]:
    """What each load of a set takes, row by row, and the rules that it was put to."""
    lines = []
    for load in verdict.placed:
        lines += [f"{style('bold', _named(load))}: {_load(load)}", *_rows(load.estimate), *_parts(load)]
    return lines + ([style("bold", "Checks"), *_checks(verdict.checks, style)] if verdict.checks else [])


def _fit(verdict: AdmissionVerdict, style: Style) -> str:
    return style(COLOURS[verdict.fit], verdict.fit.value)


def _report(report: CapacityReport, style: Style, width: int, blocks: bool) -> list[str]:
    verdict = report.verdict
    there = f"{gib(verdict.total)} {verdict.total_from}".rstrip() if verdict.total is not None else "unknown GPUs"
    planned = f"{gib(verdict.need)} needed" if verdict.need is not None else "what is planned is of unknown size"
    planned = planned if verdict.placed else "nothing planned"
    lines = [f"{style('bold', report.backend)}: {_fit(verdict, style)}, {planned} of {there}"]
    lines += [f"  not observed: {report.unobserved}"] if report.unobserved else []
    name = max((len(bar.gpu) for bar in report.bars), default=0)
    for bar in report.bars:
        cells = max(10, min(LONGEST, width - name - 6))
        lines.append(f"  {bar.gpu:<{name}}  [{bar_text(bar, cells, style, blocks)}]")
        lines.append(f"  {'':<{name}}  {legend(bar)}")
    if verdict.placed:
        lines += [f"  {line}" for line in _models(verdict.placed, width - 2)]
    lines += [f"  {line}" for line in _residents(report.held, style)]
    lines += findings_lines(report.findings, style)
    return lines + [style("dim", f"  ({note})") for note in verdict.notes]


def _models(loads: Sequence[Placed], width: int) -> list[str]:
    """The table of planned models; the columns that matter least go first where it is too wide."""
    rows: list[Sequence[str]] = [("MODEL", "CONTEXT", "DECIDED BY", "WEIGHTS", "KV", "REST", "TOTAL", "SURE")]
    for p in loads:
        weights, cache, rest = _split(p.estimate)
        total = p.estimate.total
        name = p.model + ("" if p.primary else " (fallback)")
        sizes = [f"{n / (1 << 30):.1f}" if n else "-" for n in (weights, cache, rest)]
        shown = (gib(total), _sure(p.estimate)) if total is not None else ("unknown", "")
        rows.append((name, f"{p.context:,}", p.context_from, *sizes, *shown))
    columns: Sequence[int] = range(8)
    for dropped in ((), (2,), (3, 4, 5), (7,), (1,)):
        columns = [c for c in columns if c not in dropped]
        right = tuple(i for i, c in enumerate(columns) if c in (1, 3, 4, 5, 6))
        lines = _table([[row[c] for c in columns] for row in rows], right)
        if max(map(len, lines)) <= width:
            break
    why = [f"{p.model}: {p.estimate.reason}" for p in loads if p.estimate.total is None]
    return [*_clipped(lines, width), *why]


def _split(estimate: Estimate) -> tuple[int, int, int]:
    weights = sum(row.bytes for row in estimate.rows if row.what.startswith("weights"))
    cache = sum(row.bytes for row in estimate.rows if row.what.startswith(("KV", "recurrent")))
    return weights, cache, sum(row.bytes for row in estimate.rows) - weights - cache


def _sure(estimate: Estimate) -> str:
    """Measured when the server's own sum is there; else of the weights and caches, for all else is always estimated."""
    rows = [row.sure for row in estimate.rows]
    if Sure.MEASURED in rows:
        return Sure.MEASURED.value
    main = [row.sure for row in estimate.rows if row.what.startswith(("weights", "KV", "recurrent"))]
    return max(main or rows, key=SURE.index).value


def _residents(held: Sequence[Held], style: Style, prefix: str = "loaded: ") -> list[str]:
    lines = []
    for h in held:
        who = f" ({h.alias})" if h.alias else style("warning", " (nobody planned it)")
        context = f", context {h.context:,}" if h.context else ""
        lines.append(f"{prefix}{h.tag}{who} {gib(h.size_vram)}{context}{_spill(h)}")
    return lines


def _spill(held: Held) -> str:
    return f", {gib(held.size - held.size_vram)} of it on the CPU" if held.size > held.size_vram else ""


def _sentence(answer: Answer, beside: Sequence[Placed]) -> str:
    can = {Fit.FITS: "can hold", Fit.UNKNOWN: "may or may not hold"}.get(answer.verdict.fit, "cannot hold")
    names = ", ".join(p.model for p in beside if p.primary)
    return f"{answer.backend} {can} {answer.placed.model}" + (f" beside {names}:" if names else " alone:")


def _named(placed: Placed) -> str:
    return placed.model if placed.tag in ("", placed.model) else f"{placed.model} ({placed.tag})"


def _load(placed: Placed) -> str:
    total = placed.estimate.total
    size = gib(total) if total is not None else "size unknown"
    low, high = placed.estimate.low, placed.estimate.high
    span = f" ({gib(low)} to {gib(high)})" if total is not None and gib(low) != gib(high) else ""
    context = f"context {placed.context:,} ({placed.context_from})"
    slots = plural(placed.parallel, "slot" if placed.needs is None else "request")
    return f"{size}{span}, {context}, {slots}, KV {placed.kv_type}"


def _rows(estimate: Estimate) -> list[str]:
    if not estimate.rows:
        return [f"  {estimate.reason}"]
    rows = [(_size(r.bytes), r.what, r.sure.value, r.source, r.detail) for r in estimate.rows]
    return [f"  {line}" for line in _table(rows, right=(0,))]


def _parts(placed: Placed) -> list[str]:
    """What it takes of each GPU, where it lies on all."""
    if not placed.parts:
        return []
    parts = " + ".join(map(gib, placed.parts))
    if placed.needs is not None:
        return [f"  Its process takes {parts} of the GPUs in turn."]
    return [f"  No GPU takes it alone; at most {parts} on them in turn."]


def _size(size: int) -> str:
    return gib(size) if size >= 100 << 20 else f"{size / (1 << 20):.1f} MiB"


def _neighbours(beside: Iterable[Placed]) -> list[str]:
    rows = [(_named(p), "primary" if p.primary else "fallback", _load(p)) for p in beside]
    return [f"  {line}" for line in _table(rows)]


def _checks(checks: Sequence[AdmissionCheck], style: Style) -> list[str]:
    """Each rule with both sides; of what is broken the sentence too, and the loads that show it."""
    rows = [(c.rule, c.model, _sides(c)) for c in checks]
    lines = []
    for line, check in zip(_table(rows), checks, strict=True):
        mark = style("good", "ok    ") if check.holds else style("error", "broken")
        lines.append(f"  {mark}  {line}")
        if not check.holds:
            lines.append(f"          {check.says}")
            if len(check.order) > 1:
                lines.append(f"          when loaded in this order: {', then '.join(check.order)}")
    return lines


def _sides(check: AdmissionCheck) -> str:
    plain = check.rule in ("count", "context", "limit", "model", "cards")  # of models, in tokens, of cards
    need, limit = (f"{n:,}" if plain else gib(n) for n in (check.need, check.limit))
    return f"{need} {'<=' if check.need <= check.limit else '>'} {limit}"


def _fallbacks(verdict: AdmissionVerdict, style: Style) -> list[str]:
    """What becomes of each fallback beside the primaries, and the first rule that it breaks."""
    lines = []
    for name, fit in verdict.fallbacks:
        broken = next((c for c in verdict.checks if c.model == name and not c.holds), None)
        why = next((f" ({p.why})" for p in verdict.placed if p.model == name and p.why), "")
        lines.append(f"  {name}{why}: {style(COLOURS[fit], fit.value)}" + (f": {broken.says}" if broken else ""))
    return lines


def _beside(answer: Answer, style: Style) -> list[str]:
    assert answer.beside is not None
    names = ", ".join(f"{h.tag} ({gib(h.size_vram)})" for h in answer.unplanned)
    broken = next((c for c in answer.beside.checks if not c.holds), None)
    why = f": {broken.says}" if broken else ""
    warned = "" if answer.beside.fit is Fit.FITS else "; this passes when it is unloaded"
    return [f"  {names}: {_fit(answer.beside, style)}{why}{warned}"]


def _largest(answer: Answer) -> str:
    if answer.largest is None:
        return f"Largest context that fits: none: {answer.largest_reason}."
    limit = " (the model's limit)" if answer.largest == answer.limit else ""
    shown = answer.rounded or answer.largest
    exact = f" (exactly {answer.largest:,})" if shown != answer.largest else ""
    known = "that is known to fit" if answer.largest_reason else "that fits"
    more = f"; {answer.largest_reason}" if answer.largest_reason else ""
    return f"Largest context {known}: {shown:,}{exact}{limit}{more}."


def _suggestions(suggestions: Sequence[Suggestion], verdict: AdmissionVerdict, style: Style) -> list[str]:
    if not suggestions:
        if verdict.fit is Fit.UNKNOWN:
            return ["Nothing is proposed: what is not known cannot be judged."]
        return ["Nothing that can be changed here makes it fit; take a model out of the plan, or a larger GPU."]
    head = "What is known to fit" if verdict.fit is Fit.UNKNOWN else "What would make it fit"
    lines = ["", style("bold", f"{head}, cheapest first")]
    return lines + [f"  {n}. {r.says}" + (f" ({r.cost})" if r.cost else "") for n, r in enumerate(suggestions, 1)]


def _table(rows: Sequence[Sequence[str]], right: tuple[int, ...] = ()) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [f"{c:>{w}}" if i in right else f"{c:<{w}}" for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cell for cell, w in zip(cells, widths, strict=True) if w).rstrip())
    return lines


def _clipped(lines: Iterable[str], width: int) -> list[str]:
    return [line if len(line) <= width else line[: max(width - 3, 1)] + "..." for line in lines]
