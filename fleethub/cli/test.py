"""``fleethub test``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleethub.cli.output import Out, guarded

if TYPE_CHECKING:
    from fleethub.operations.cases import Tried


@click.command()
@click.argument("files", nargs=-1, type=click.Path())
@click.option("--like", "-k", metavar="TEXT", default="", help="Only cases with this in their name.")
@click.option("--update", is_flag=True, help="Write what came of each case as what it expects; comments stay.")
@click.option("--junit", type=click.Path(), metavar="FILE", help="Write the result as JUnit XML too.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a file of cases, for editors.")
@click.pass_obj
def cmd(
    options: dict[str, object], files: tuple[str, ...], like: str, update: bool, junit: str | None, schema: bool
) -> None:
    """Plan each case of FILES (default: tests/**/*.toml of the fleet), and say what is not as expected.

    A case is a change of the spec and what must come of it: changes, findings, exit code, what fits. It is planned
    offline: no network, no secret, no command. Exit 3 where one is not as expected. See docs/checks.md.
    """
    out = Out(options)

    def printed() -> int:
        import json

        from fleethub.operations.cases import schema_of_cases

        found = schema_of_cases()
        out.line({"type": "schema", "schema": found})
        out.line({"type": "summary", "exit": 0})
        out.document(json.dumps(found, indent=2, ensure_ascii=False))
        return 0

    def work() -> int:
        from fleethub.model.errors import InputError
        from fleethub.operations import cases
        from fleethub.views.cases import case_data, case_lines, sum_line
        from fleethub.views.cases import junit as as_xml

        file, data = "", list[dict[str, Any]]()

        def renewed(one: Tried) -> bool:
            return update and one.came is not None and not one.passed

        def tell(one: Tried) -> None:
            nonlocal file
            if one.case.file != file:
                file = one.case.file
                out.text(file)
            out.text("\n".join(case_lines(one.case, one.broken, one.differences, out.style, renewed(one))))
            data.append(case_data(one.case, one.broken, one.differences, one.seconds))
            out.line(data[-1])

        done = cases.run(out.path, files, like, update, tell)
        if junit is not None:
            try:
                Path(junit).write_text(as_xml(data), encoding="utf-8")
            except OSError as error:
                raise InputError(f"--junit {junit} cannot be written: {error.strerror}") from None
        for name in done.data.written:
            out.text(f"written: {name}")
            out.line({"type": "file", "name": name})
        passed = sum(one.passed for one in done.data.tried)
        new = sum(map(renewed, done.data.tried))
        failed = len(done.data.tried) - passed - new
        out.text(f"\n{sum_line(passed, failed, sum(one.seconds for one in done.data.tried), out.style, new)}")
        out.line({"type": "summary", "exit": int(done.exit), "passed": passed, "failed": failed, "written": new})
        return done.exit

    guarded(out, printed if schema else work)
