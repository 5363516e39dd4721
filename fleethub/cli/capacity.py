"""``fleethub capacity``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleethub.cli.output import Out, guarded

if TYPE_CHECKING:
    from fleethub.model.capacity import Answer, CapacityReport, Rank
    from fleethub.model.fleet import Fleet

KV_TYPES = ["f16", "q8_0", "q4_0"]


def _fleet(ctx: click.Context) -> Fleet | None:
    from fleethub.fleetspec import load

    return load(Path((ctx.find_root().params or {}).get("folder") or ".")).fleet


def _backends(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    fleet = _fleet(ctx)
    return sorted(b for b in (fleet.backends if fleet else ()) if b.startswith(incomplete))


def _models(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    fleet = _fleet(ctx)
    return sorted(n for n, m in (fleet.models if fleet else {}).items() if m.tag and n.startswith(incomplete))


def _params(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """``32B`` as a number, by the spec's own rule."""
    if value is None:
        return None
    from fleethub.operations.capacity import AskError, given_params

    try:
        return given_params(value)
    except AskError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.argument("backend", required=False, shell_complete=_backends)
@click.argument("model", required=False, shell_complete=_models)
@click.option("--place", metavar="MODEL", shell_complete=_models, help="Rank all backends as places for MODEL.")
@click.option("--context", type=click.IntRange(1, 100_000_000), metavar="N", help="Tokens per slot (num_ctx).")
@click.option("--parallel", type=click.IntRange(1, 1024), metavar="N", help="OLLAMA_NUM_PARALLEL of the server.")
@click.option("--kv-type", type=click.Choice(KV_TYPES), help="OLLAMA_KV_CACHE_TYPE of the server.")
@click.option("--params", callback=_params, metavar="SIZE", help="A new model's parameters, like 32B.")
@click.option("--quant", metavar="TYPE", help="With --params: its quantisation (Q4_K_M when left out).")
@click.option("--gguf", type=click.Path(path_type=Path), metavar="FILE", help="A new model's GGUF file (its header).")
@click.pass_obj
def cmd(
    options: dict[str, object],
    backend: str | None,
    model: str | None,
    place: str | None,
    context: int | None,
    parallel: int | None,
    kv_type: str | None,
    params: int | None,
    quant: str | None,
    gguf: Path | None,
) -> None:
    """Show what fits in VRAM. Changes nothing.

    Without arguments: every backend with what is planned and loaded. With BACKEND and MODEL: can it hold the model
    beside what is planned there, with which largest context, and what would make it fit. MODEL is an alias of the
    spec, an installed tag, or any name with --params or --gguf. Exit 3 when it does not fit, 1 when that is not known.
    """
    out = Out(options)
    name = place or model
    new = params is not None or gguf is not None
    if place is not None and backend is not None:
        raise click.UsageError("--place ranks all backends: leave out BACKEND, or ask with BACKEND MODEL")
    if params is not None and gguf is not None:
        raise click.UsageError("--params and --gguf both tell a model's size: give one of them")
    if quant is not None and params is None:
        raise click.UsageError("--quant goes with --params: capacity BACKEND NAME --params 32B --quant Q4_K_M")
    if name is None and (new or context or parallel or kv_type):
        raise click.UsageError("these options are about one model: capacity BACKEND MODEL …, or --place MODEL …")
    if name == "" or backend == "":
        raise click.UsageError("an empty name: write capacity BACKEND MODEL")

    def work() -> int:
        from fleethub.operations import capacity as use

        try:
            shape = use.given_shape(params, quant, gguf)
            looked = use.look(out.path, name, out.trusting(ask=False))
            out.findings(looked.findings)
            if name is None:
                return _overview(out, use.overview(looked, backend))
            question = use.Question(backend or "", name, context, parallel, kv_type, shape)
            if place is not None:
                return _places(out, use.places(looked, question))
            return _answer(out, use.ask_one(looked, question))
        except use.AskError as error:
            raise click.UsageError(str(error)) from None

    guarded(out, work)


def _overview(out: Out, reports: tuple[CapacityReport, ...]) -> int:
    from fleethub.operations.capacity import overview_exit
    from fleethub.views.capacity import overview_text, report_data

    code = overview_exit(reports)
    out.text(overview_text(reports, out.style, *_screen(out)))
    out.lines(report_data(report) for report in reports)
    out.line({"type": "summary", "exit": int(code), "backends": len(reports)})
    return code


def _answer(out: Out, answer: Answer) -> int:
    from fleethub.operations.capacity import verdict_exit
    from fleethub.views.capacity import answer_data, answer_text

    code = verdict_exit(answer)
    out.text(answer_text(answer, out.style))
    out.line(answer_data(answer))
    out.line({"type": "summary", "exit": int(code), "fit": answer.verdict.fit.value})
    return code


def _places(out: Out, ranks: tuple[Rank, ...]) -> int:
    from fleethub.operations.capacity import places_exit
    from fleethub.views.capacity import places_text, rank_data

    code = places_exit(ranks)
    out.text(places_text(ranks, out.style))
    out.lines(rank_data(rank) for rank in ranks)
    holding = [r.answer.backend for r in ranks if r.answer.verdict.fit.value == "fits"]
    out.line({"type": "summary", "exit": int(code), "fits": holding})
    return code


def _screen(out: Out) -> tuple[int, bool]:
    """Characters of a line, and whether it may hold blocks: on a terminal with colour that speaks UTF-8."""
    width = shutil.get_terminal_size((100, 24)).columns if out.terminal else 100
    utf8 = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    return width, out.style.colour and utf8
