"""The pages of the repository as pages of the site, with links that lead to pages: what is none of them gets one."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from docs.site.commands import commands_page
from docs.site.spec import spec_page

#: Pages of the repository outside of docs/, and what they are called on the site.
NAMED = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "fleethub/model/FINDINGS.md": "reference/findings.md",
    "fleethub/server/API.md": "reference/http.md",
    "fleethub/sizing/ACCURACY.md": "reference/accuracy.md",
    "fleethub/engines/vllm/ACCURACY.md": "reference/accuracy-vllm.md",
    "fleets/monad/CAPACITY.md": "reference/two-models.md",
}
#: Made from the code.
MADE: dict[str, Callable[[], str]] = {"reference/commands.md": commands_page, "reference/spec.md": spec_page}
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)\s#]*)(#[^)\s]*)?(?=\))")
INVISIBLE = re.compile(r"^<!-- .* -->\n", re.MULTILINE)
LANGUAGES = {".toml": "toml", ".yml": "yaml", ".yaml": "yaml", ".json": "json", ".py": "python", ".md": "markdown"}


class BrokenLink(Exception):
    """A link of a page leads nowhere; where, and to what."""


class _Site:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.names = {path: name for path, name in NAMED.items() if (root / path).exists()}
        for page in sorted((root / "docs").glob("*.md")):
            self.names[f"docs/{page.name}"] = page.name
        self.waiting = list(self.names)

    def name(self, path: str) -> str:
        """What a file or folder of the repository is called here; a page of its own is made where it has none."""
        if path not in self.names:
            if path.endswith((".svg", ".png")):
                self.names[path] = f"images/{PurePosixPath(path).name}"
            else:
                self.names[path] = f"files/{path}.md"
            self.waiting.append(path)
        return self.names[path]


def write(root: Path, folder: Path) -> None:
    """Write all pages anew. Raises BrokenLink."""
    shutil.rmtree(folder, ignore_errors=True)
    site = _Site(root)
    for name, make in MADE.items():
        _put(folder / name, make())
    while site.waiting:
        path = site.waiting.pop(0)
        there, name = root / path, site.names[path]
        if path.endswith((".svg", ".png")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(there, folder / name)
        elif there.suffix == ".md" and not name.startswith("files/"):
            _put(folder / name, _page(site, path))
        else:
            _put(folder / name, _shown(there, path))


def _page(site: _Site, path: str) -> str:
    """A page with its links led to pages of the site; what stands in code is no link."""
    parts = re.split(r"(^```.*?^```$|`[^`\n]+`)", (site.root / path).read_text(), flags=re.MULTILINE | re.DOTALL)
    here = PurePosixPath(path).parent
    at = PurePosixPath(site.names[path]).parent

    def led(match: re.Match[str]) -> str:
        target = os.path.normpath(here / match[1])
        if target.startswith("..") or not (site.root / target).exists():
            raise BrokenLink(f"{path} links to {match[1]}, which is not there")
        return os.path.relpath(site.name(target), at) + (match[2] or "")

    return "".join(part if index % 2 else LINK.sub(led, INVISIBLE.sub("", part)) for index, part in enumerate(parts))


def _shown(there: Path, path: str) -> str:
    """A file of the repository, or each file of a folder, as it stands there."""
    files = [there] if there.is_file() else sorted(_files(there))
    text = [f"# {path}\n"]
    for file in files:
        if file != there:
            text.append(f"## {file.relative_to(there)}\n")
        language = LANGUAGES.get(file.suffix, "text")
        text.append(f"````{language}\n{file.read_text().rstrip()}\n````\n")
    return "\n".join(text)


def _files(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        hidden = any(part.startswith((".fleethub", "__")) for part in file.relative_to(folder).parts)
        if file.is_file() and not hidden and file.stat().st_size < 100_000:
            yield file


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
