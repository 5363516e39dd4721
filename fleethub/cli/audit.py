"""``fleethub audit``."""

from __future__ import annotations

import click

from fleethub.cli.output import Out, guarded


@click.command()
@click.argument("url")
@click.option("--key", metavar="REF", help="Its master key: env:NAME (LITELLM_MASTER_KEY), file:PATH, command:ARGV.")
@click.option("--vram", multiple=True, metavar="HOST=SIZE[+SIZE]", help="GPUs of a host behind it; may be repeated.")
@click.option("--unused", type=click.FloatRange(0), default=90, show_default=True, help="Days that make a key unused.")
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True)
@click.option("--full", is_flag=True, help="Show every finding, not the first few of each code.")
@click.pass_obj
def cmd(
    options: dict[str, object], url: str, key: str | None, vram: tuple[str, ...], unused: float, form: str, full: bool
) -> None:
    """Say what is wrong with the LiteLLM at URL. Needs no spec, only reads, changes and writes nothing.

    Finds keys that reach everything, name models that are not there, have no budget or no end, are expired, spent,
    unused or of one alias; calls with the master key; routes without num_ctx; models that do not fit together on the
    server behind them; fallbacks that leave the house. Addresses that the proxy tells are asked only with --trust.

    Exit 3 when something is an error. It ends with the command that would take the fleet in.
    """
    out = Out(options, form == "json")

    def work() -> int:
        from fleethub.operations import audit
        from fleethub.views.audit import audit_data, audit_markdown, audit_text
        from fleethub.views.style import seen

        asked = audit.AuditInput(url, key or audit.MASTER, out.trusting(ask=False).items, vram, unused)
        done = audit.run(asked)
        if form == "markdown":
            out.document(seen(audit_markdown(done.data, full)))
        else:
            out.text(audit_text(done.data, out.style, full))
        out.lines(audit_data(done.data))
        out.line({"type": "summary", "exit": int(done.exit)})
        return done.exit

    guarded(out, work)
