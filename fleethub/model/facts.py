"""All that one command read, one reading per source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from fleethub.model.dataclass import dataclass
from fleethub.model.observation import Source, Unknown
from fleethub.model.readings.gpu import GpuReading
from fleethub.model.readings.host import GitReading, HostReading, SinkReading
from fleethub.model.readings.proxy import ProxyReading
from fleethub.model.readings.server import MeasuredLoad, ModelFile, ServerReading, SwapFile

Reading = ProxyReading | ServerReading | HostReading | GpuReading | GitReading | ModelFile | SwapFile | SinkReading


@dataclass(frozen=True, slots=True)
class Facts:
    """All that one command read, by ``Source.id``; ``at`` is when (ISO 8601, UTC). ``loads``: measured sizes.

    ``remembered``: what was installed on a model server that does not answer now, by its URL, as an earlier command
    saw it; without residents. Nothing in it was observed by this command.
    """

    at: str
    readings: Mapping[tuple[str, str], Reading | Unknown] = field(default_factory=dict)
    loads: tuple[MeasuredLoad, ...] = ()
    remembered: Mapping[str, ServerReading] = field(default_factory=dict)

    def of(self, source: Source) -> Reading | Unknown:
        """The reading of a source; a source that nobody read is unknown."""
        return self.readings.get(source.id) or Unknown("it was not read", self.at)
