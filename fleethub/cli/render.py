"""``fleethub render``."""

from __future__ import annotations

from pathlib import Path

import click

from fleethub import folders
from fleethub.cli.output import Out, guarded


@click.command()
@click.argument("node", required=False)
@click.option(
    "-o",
    "target",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write to.",
)
@click.pass_obj
def cmd(options: dict[str, object], node: str | None, target: Path) -> None:
    """Write the files of NODE, or of every node, as they would be delivered, with secrets as (sensitive)."""
    out = Out(options)

    def work() -> int:
        from fleethub.operations import open_fleet

        opened = open_fleet(out.path)
        if node is not None and node not in opened.rendered:
            known = ", ".join(sorted(opened.rendered)) or "none"
            raise click.UsageError(f"no node is called {node!r}; there are: {known}")
        chosen = [node] if node is not None else sorted(opened.rendered)
        written = []
        for name in chosen:
            if folders.exists(target / name / ".fleethub"):
                message = f"{target / name} is a living node's folder; render to another one"
                raise click.UsageError(message)
            for file in opened.rendered[name].files:
                path = target / name / file.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(file.text.display(), encoding="utf-8")
                path.chmod(file.mode)
                written.append(str(path))
                out.text(f"wrote {path}")
        out.line({"type": "summary", "exit": 0, "written": written})
        return 0

    guarded(out, work)
