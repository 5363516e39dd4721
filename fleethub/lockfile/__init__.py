"""How a lockfile and the events of an apply are written down, and read again. It touches no file.

``forms`` says what a table holds, ``text`` is ``fleet.lock`` as TOML, ``events`` a line of the journal, ``upgrade``
what earlier versions wrote, ``reduce`` the lockfile as a fold over events.
"""
