"""Every console block of the README and of docs/ is run, in order, page by page; what a page shows is what was written.

``…`` on a line of its own stands for lines that are left out, within a line for a piece of it. What differs from run
to run (times, ids, ports) is compared as that. A command ends with 0 unless its comment says ``exit code N``.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.docs import scenes, scenes_shared  # noqa: F401 - they name the scenes
from tests.docs.pages import ROOT, Command, blocks, differs
from tests.docs.world import SCENES, World
from tests.support import MASTER

PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "README.md", *ROOT.glob("docs/**/*.md")))
#: What a command's comment says of one that is left running, in a terminal of its own, till the page's end.
STAYS = "until Ctrl-C"


@pytest.mark.long
@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_what_happens(page: str, tmp_path: Path) -> None:
    tell(page, tmp_path)


def test_the_readme_from_nothing_to_an_audit_and_a_plan(tmp_path: Path) -> None:
    """Without what takes long: installing, the demo, and a first apply with what follows it."""
    tell("README.md", tmp_path, without="a clone of this", until="fleethub apply")


def tell(page: str, folder: Path, without: str = "-", until: str = "-") -> None:
    """Type a page's commands in order, up to the first that begins with ``until``; none of the scene ``without``."""
    with ExitStack() as stack:
        world = World(folder / "home", stack)
        for block in blocks(ROOT / page):
            if without in block.scenes:
                continue
            for scene in block.scenes:
                SCENES[scene](world)
            for command in block.commands:
                if command.text.startswith(until):
                    return
                run(page, command, world)


def run(page: str, command: Command, world: World) -> None:
    text = command.text.replace("sk-…", MASTER)
    if STAYS in text:
        left = world.shell.leave_running(text, lambda written: not differs(command.shown, written))
        code, written = left.process.poll() or 0, left.written
    else:
        code, written = world.shell.run(text, command.answers)
    where = f"{page}:{command.line}: $ {command.text}"
    assert code == command.code, f"{where}\nended with {code}, not {command.code}:\n{written}"
    wrong = differs(command.shown, written.replace(str(world.shell.home), "~"))
    assert not wrong, f"{where}\nshows what was not written: {wrong}\nthis was:\n{written}"


def test_each_scene_is_set_by_a_page() -> None:
    pages = "".join((ROOT / page).read_text() for page in PAGES)
    drawn = (ROOT / "tests/docs/picture.py").read_text()
    assert [name for name in SCENES if f"<!-- scene: {name} -->" not in pages and f'"{name}"' not in drawn] == []


def test_there_are_commands_to_run() -> None:
    assert sum(len(block.commands) for page in PAGES for block in blocks(ROOT / page)) >= 120


@pytest.mark.parametrize(
    ("shown", "written", "well"),
    [
        (["a", "b"], "a\nb\n", True),
        (["a"], "a\nb\n", False),
        (["a", "…"], "a\nb\n", True),
        (["…", "b"], "a\nb\n", True),
        (["…", "c"], "a\nb\n", False),
        (["b"], "a\nb\n", False),
        (["a … d"], "a b c d\n", True),
        (["a … d"], "a b c\n", False),
        (["Plan 0123456789ab: no changes."], "Plan ba9876543210: no changes.\n", True),
        (["Plan 0123456789ab: no changes."], "Plan ba9876543210: 1 to update.\n", False),
        ([], "anything\n", True),
    ],
)
def test_what_counts_as_shown(shown: list[str], written: str, well: bool) -> None:
    assert (differs(shown, written) == "") == well
