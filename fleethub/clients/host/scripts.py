"""What runs at a target, one script for each operation of ``Target``."""

from __future__ import annotations

from fleethub.clients.scripts import load

#: What a reading ends with when a delivery was made meanwhile, and a look where one is under way.
OVERTAKEN = 75

LOOK, READ, DELIVER, RUN = load("look"), load("read"), load("deliver"), load("run")
STAMP, BACK, REMOVE, LOGS = load("stamp"), load("back"), load("remove"), load("logs")
QUERY = load("query")
STOP, ACCOUNT, LEAVE = load("stop"), load("account"), load("leave")
COMMAND = load("command")
ARRIVE, ENTER = load("arrive"), load("enter")
