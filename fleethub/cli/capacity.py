"""``fleethub capacity``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleethub.cli.completion import backends, served
from fleethub.cli.editing import edits, run_proposal
from fleethub.cli.options import option
from fleethub.cli.output import Out, guarded
from fleethub.model.exit import Exit
from fleethub.operations.inputs import CapacityInput, KvType

if TYPE_CHECKING:
    from fleethub.model.edit import Proposal
    from fleethub.operations.outcome import Outcome


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
@click.option("--fix", type=click.IntRange(1), metavar="N", help="Write the N-th suggestion into the spec.")
@click.option("--check", is_flag=True, help="Load each model that is planned on BACKEND once, and measure it.")
@click.option("--settings", is_flag=True, help="The cheapest settings of the servers under which the plan holds.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="With --settings: write them as files.")
@edits
@click.pass_obj
def cmd(
    options: dict[str, object],
    /,
    backend: str | None,
    model: str | None,
    place: str | None,
    context: int | None,
    parallel: int | None,
    kv_type: KvType,
    params: str | None,
    quant: str | None,
    gguf: Path | None,
    fix: int | None,
    check: bool,
    settings: bool,
    out: Path | None,
    **edit: Any,
) -> None:
    """Show what fits in VRAM. Changes nothing, but for --fix and --check.

    Without arguments: every backend with what is planned and loaded. With BACKEND and MODEL: can it hold the model
    beside what is planned there, with which largest context, and what would make it fit. MODEL is an alias of the
    spec, an installed tag, or any name with --params or --gguf. Exit 3 when it does not fit, 1 when that is not known.
    """
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
    if [fix is not None, check, settings, place is not None].count(True) > 1:
        raise click.UsageError("--fix, --check, --settings and --place are each a question of its own: ask one")
    if fix is not None and (backend is None or model is None or new):
        raise click.UsageError("--fix is about a model of the spec on one backend: capacity BACKEND MODEL --fix N")
    if check and (backend is None or model is not None):
        raise click.UsageError("--check is about one backend: capacity BACKEND --check")
    if settings and model is not None:
        raise click.UsageError(
            "--settings is about whole backends: capacity --settings, or capacity BACKEND --settings"
        )
    if out is not None and not settings:
        raise click.UsageError("--out goes with --settings")
    given = {f"--{name.replace('_', '-')}" for name, value in edit.items() if value and name != "project"}
    if given - ({"--yes", "--dry-run"} if check else set()) and fix is None:
        raise click.UsageError(f"{sorted(given)[0]} goes with --fix")
    # what was typed may be any name: whether something is called so is the answer's matter
    asked = CapacityInput.model_construct(
        backend=backend, model=name, context=context, parallel=parallel, kv_type=kv_type, params=params, quant=quant
    )
    if fix is not None:
        _fix(options, asked, fix, **edit)
    elif check:
        _check(Out(options), backend or "", edit["yes"], edit["dry_run"])
    elif settings:
        _settings(Out(options), backend, out)
    else:
        ask(Out(options), asked, gguf)


def ask(out: Out, asked: CapacityInput, gguf: Path | None) -> None:
    """Answer a question, or rank the backends for a model."""

    def work() -> int:
        from fleethub.operations import capacity as use
        from fleethub.views import capacity as views
        from fleethub.views import capacity_data as json

        new = use.new_model(asked, gguf)
        looked = use.look(out.path, asked.model, out.trusting(ask=False))
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


def _fix(options: dict[str, object], asked: CapacityInput, number: int, project: str, force: bool, **edit: Any) -> None:
    """Propose the suggestion as an edit of the spec, show it, ask, write."""

    def propose(out: Out) -> Outcome[Proposal]:
        from fleethub.operations.fix import FixInput, propose

        made = FixInput(asked, number, project, force, edit["dry_run"])
        return propose(out.path, made, out.trusting(not edit["yes"]))

    run_proposal(options, propose, **edit)


def _settings(out: Out, backend: str | None, folder: Path | None) -> None:
    """The cheapest settings, printed; with ``folder`` written there too, a folder for each backend."""

    def work() -> int:
        from fleethub.operations import capacity as use
        from fleethub.views import capacity_work as views

        looked = use.look(out.path, None, out.trusting(ask=False))
        out.findings(looked.findings)
        done = use.settings(looked, backend)
        out.text(views.settings_text(done.data, out.style))
        out.lines(views.settings_data(one) for one in done.data)
        written = use.write_settings(done.data, folder) if folder is not None else ()
        out.text("".join(f"\nwritten: {path}" for path in written))
        out.line({"type": "summary", "exit": int(done.exit), "written": [str(path) for path in written]})
        return done.exit

    guarded(out, work)


def _check(out: Out, backend: str, yes: bool, dry_run: bool) -> None:
    """Say what would be loaded, ask, load and measure one after the other, show what that says of the estimates."""

    def work() -> int:
        from fleethub.operations import check as use
        from fleethub.views import capacity_work as views

        with use.prepared(out.path, backend, out.trusting(not yes)) as made:
            out.findings(made.now.findings)
            out.text(views.before_text(backend, made.todo, made.loaded, made.says, out.style))
            refused = not (yes or dry_run or not made.todo or out.asks("loaded"))
            if refused or dry_run or not made.todo:
                code = Exit.ERROR if refused else Exit.FINE
                out.line({"type": "summary", "exit": int(code), "loaded": 0})
                return code
            if not yes and not click.confirm("\nLoad them?", default=False):
                out.text("Nothing was loaded.")
                return Exit.FINE
            done = use.run(made, lambda says: out.text(out.style("dim", f"  … {says}")))
        out.text(views.check_text(done.data, out.style))
        out.lines(views.check_data(one) for one in done.data.loads)
        out.line({"type": "summary", "exit": int(done.exit), **views.score_data(done.data)})
        return done.exit

    guarded(out, work)


def _screen(out: Out) -> tuple[int, bool]:
    """Characters of a line, and whether it may hold blocks: on a terminal with colour that speaks UTF-8."""
    width = shutil.get_terminal_size((100, 24)).columns if out.terminal else 100
    utf8 = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    return width, out.style.colour and utf8
