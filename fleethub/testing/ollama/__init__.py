"""A stand-in for an Ollama server: its API (``Ollama``) over its scheduler (``Scheduler``), as published.

Written from the description of the scheduler and from measured loads alone; it shares no arithmetic with what
it is there to judge. ``fleethub.testing.catalog`` has models for it.
"""

from fleethub.testing.ollama.eras import preflight
from fleethub.testing.ollama.library import Library
from fleethub.testing.ollama.scheduler import Scheduler
from fleethub.testing.ollama.server import Ollama
from fleethub.testing.ollama.settings import GIB, MIB, Settings
from fleethub.testing.ollama.shape import Shape, shape_of
from fleethub.testing.ollama.size import COMPUTE, COPIES, OVERHEAD, OVERHEAD_VISION, TrueSize, Truth, true_size
from fleethub.testing.ollama.values import Event, Gpu, Loaded, Outcome

__all__ = [
    "COMPUTE",
    "COPIES",
    "GIB",
    "MIB",
    "OVERHEAD",
    "OVERHEAD_VISION",
    "Event",
    "Gpu",
    "Library",
    "Loaded",
    "Ollama",
    "Outcome",
    "Scheduler",
    "Settings",
    "Shape",
    "TrueSize",
    "Truth",
    "preflight",
    "shape_of",
    "true_size",
]
