"""``fleethub capacity``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from fleethub.cli.completion import backends, served
from fleethub.cli.options import option
from fleethub.cli.output import Out, guarded
from fleethub.operations.inputs import CapacityInput, KvType


def _params(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """``32B``, by the spec's own rule."""
    if value is not None:
        from fleethub.model.errors import InputError
        from fleethub.operations.capacity import params_of_text

        try:
            params_of_text(value)
        except InputError as error:
            raise click.BadParameter(str(error)) from None
    return value


@click.command()
@click.argument("backend", required=False, shell_complete=backends)
@click.argument("model", required=False, shell_complete=served)
@click.option("--place", metavar="MODEL", shell_complete=served, help="Rank all backends as places for MODEL.")
@option(CapacityInput, "context", metavar="N")
@option(CapacityInput, "parallel", metavar="N")
@option(CapacityInput, "kv_type")
@option(CapacityInput, "params", callback=_params, metavar="SIZE")
@option(CapacityInput, "quant", metavar="TYPE", help="With --params: its quantisation (Q4_K_M when left out).")
@click.option("--gguf", type=click.Path(path_type=Path), metavar="FILE", help="A new model's GGUF file (its header).")
@click.pass_obj
def cmd(
    options: dict[str, object],
    backend: str | None,
    model: str | None,
    place: str | None,
    context: int | None,
    parallel: int | None,
    kv_type: KvType,
    params: str | None,
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
        from fleethub.views import capacity as views
        from fleethub.views import capacity_data as json

        # what was typed may be any name: whether something is called so is the answer's matter
        asked = CapacityInput.model_construct(
            backend=backend, model=name, context=context, parallel=parallel, kv_type=kv_type, params=params, quant=quant
        )
        new = use.new_model(asked, gguf)
        looked = use.look(out.path, name, out.trusting(ask=False))
        out.findings(looked.findings)
        done = use.run(looked, asked, new)
        found = done.data
        if found.answer is not None:
            out.text(views.answer_text(found.answer, out.style))
            out.line(json.answer_data(found.answer))
            more: dict[str, object] = {"fit": found.answer.verdict.fit.value}
        elif found.places:
            out.text(views.places_text(found.places, out.style))
            out.lines(json.rank_data(rank) for rank in found.places)
            more = {"fits": [r.answer.backend for r in found.places if r.answer.verdict.fit.value == "fits"]}
        else:
            out.text(views.overview_text(found.reports, out.style, *_screen(out)))
            out.lines(json.report_data(report) for report in found.reports)
            more = {"backends": len(found.reports)}
        out.line({"type": "summary", "exit": int(done.exit), **more})
        return done.exit

    guarded(out, work)


def _screen(out: Out) -> tuple[int, bool]:
    """Characters of a line, and whether it may hold blocks: on a terminal with colour that speaks UTF-8."""
    width = shutil.get_terminal_size((100, 24)).columns if out.terminal else 100
    utf8 = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    return width, out.style.colour and utf8
