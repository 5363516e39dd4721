"""A node's target: a folder on this machine, or one on a host over SSH. Both have the same scripts.

A delivery puts the whole new set beside the old one, checks it, and commits it by one rename; from then on whoever
comes next finishes what is left: a node has its old set or its new one. See ``scripts`` for the steps on the node. What
nearly every folder of this machine needs, to be read and delivered to, is done without a process (``folder``,
``placing``), by the same protocol on disk; all else is left to the scripts.
"""

from fleethub.clients.host.asking import ask
from fleethub.clients.host.bundle import Bundle, HostError, SetCheck
from fleethub.clients.host.copying import Copied, copy
from fleethub.clients.host.reading import Once
from fleethub.clients.host.target import Activation, Delivered, Hosts, Removed, Target

__all__ = [
    "Activation",
    "Bundle",
    "Copied",
    "Delivered",
    "HostError",
    "Hosts",
    "Once",
    "Removed",
    "SetCheck",
    "Target",
    "ask",
    "copy",
]
