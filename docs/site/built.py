"""What was built: whether a page of it loads anything from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

#: Elements that load what they name, and the attribute that names it; of a <link> only some do.
LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
KINDS = {"stylesheet", "preload", "preconnect", "modulepreload", "icon", "dns-prefetch"}


class _Loads(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        url = named.get(LOADS.get(tag, ""), "") or ""
        if tag == "link" and not KINDS & set((named.get("rel") or "").split()):
            return
        if url.startswith(("http:", "https:", "//")):
            self.found.append(url)


def loaded_from_elsewhere(folder: Path) -> list[str]:
    """``PAGE: URL`` for each; a page that is read without a network must be whole."""
    return [f"{page.relative_to(folder)}: {url}" for page in sorted(folder.rglob("*.html")) for url in _of(page)]


def _of(page: Path) -> list[str]:
    parser = _Loads()
    parser.feed(page.read_text())
    return parser.found
