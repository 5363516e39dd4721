"""``fleethub observe``."""

from __future__ import annotations

import click

from fleethub.cli.output import Out, guarded
from fleethub.model.text import plural


@click.command()
@click.option("--quiet", "-q", is_flag=True, help="Print nothing when all went well (for cron and timers).")
@click.option("--facts", is_flag=True, help="Also write facts/ beside the spec, to be committed, for plan --offline.")
@click.pass_obj
def cmd(options: dict[str, object], quiet: bool, facts: bool) -> None:
    """Read the whole fleet and keep what sessions are told of it: fleethub context asks nobody itself.

    Run it every few minutes, from cron or a systemd timer; fleethub serve does it by itself. Also writes FLEETHUB.md
    again where it differs from what was applied. Changes nothing else. Exits 0 however the fleet is, and 1 when
    it could not look: fleethub plan says more.
    """
    out = Out(options)

    def work() -> int:
        from fleethub.operations import observe
        from fleethub.operations.trust import says
        from fleethub.operations.workplace import Workplace

        with Workplace(out.path, trusting=out.trusting()) as workplace:
            done = observe.run(workplace, facts)
        fleet_status = done.data.fleet_status
        if fleet_status is None:
            out.findings(done.findings)
            out.line({"type": "summary", "exit": int(done.exit), "findings": len(done.findings)})
            return done.exit
        for line in says(fleet_status.findings):
            out.aside(line)
        states = [
            thing.state for things in (fleet_status.backends, fleet_status.nodes, fleet_status.keys) for thing in things
        ]
        errors = sum(f.severity.value == "error" for f in fleet_status.findings)
        counts = {
            "drift": len(fleet_status.drift),
            "unknown": states.count("unknown"),
            "errors": errors,
            "changes": len(fleet_status.changes),
        }
        if not quiet:
            told = f"{counts['drift']} drifted, {counts['unknown']} unknown, {plural(counts['errors'], 'error')}"
            out.text(f"{fleet_status.fleet} observed at {fleet_status.at}: {told}. {fleet_status.sentence}")
            for note in done.data.notes:
                out.text(f"  {note}")
        out.line({"type": "summary", "exit": 0, "at": fleet_status.at, **counts, "notes": list(done.data.notes)})
        return 0

    guarded(out, work)
