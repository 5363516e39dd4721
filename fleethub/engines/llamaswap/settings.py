"""llama-swap in the spec: its URL, and the file that says what it starts and who may stay beside whom."""

from __future__ import annotations

from typing import ClassVar

from fleethub.engines.interface import SpecKey
from fleethub.model.dataclass import dataclass
from fleethub.model.observation import Source
from fleethub.model.serving import EngineSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaSwapSettings(EngineSettings):
    """``config``: its YAML file, by its path from the fleet's folder; empty: who may stay together is not known."""

    engine: ClassVar[str] = "llamaswap"
    title: ClassVar[str] = "llama-swap"
    api: ClassVar[str] = "openai-completions"
    path: ClassVar[str] = "/v1"
    config: str = ""

    @property
    def file(self) -> Source | None:
        """Where its file is read; None without one."""
        return Source("swap-file", self.config) if self.config else None

    @property
    def sources(self) -> tuple[Source, ...]:
        """Itself and its file."""
        return (self.source, *((self.file,) if self.file else ()))


KEYS = (
    SpecKey("config", "text", "Its YAML file, by its path from the fleet's folder: groups or matrix, and the commands"),
)


def declared(settings: EngineSettings | None) -> LlamaSwapSettings:
    """A backend's settings as llama-swap's."""
    return settings if isinstance(settings, LlamaSwapSettings) else LlamaSwapSettings(url="")
