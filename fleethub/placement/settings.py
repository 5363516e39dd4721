"""The settings of a backend's server that take least from its users, and under which what is planned holds. Pure."""

from __future__ import annotations

from dataclasses import replace

from fleethub.engines.interface import Server
from fleethub.engines.registry import engine_of, lacks
from fleethub.model.capacity import AdmissionVerdict, Fit
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.measuring import ServerSettings
from fleethub.model.serving import Backend
from fleethub.placement.machines import doubted, on_machine
from fleethub.placement.planned import PlannedSet
from fleethub.placement.routed import expected

#: What a fallback may do to the others, from least: one that takes turns with them is better than one that, loaded
#: first, leaves a primary's layers to the CPU in silence.
HARM = (Fit.FITS, Fit.EVICTS, Fit.SPILLS, Fit.EXCEEDS)


def settings_for(fleet: Fleet, backend: Backend, facts: Facts, planned: PlannedSet) -> ServerSettings:
    """The first arrangement under which every planned model holds; else of those under which the primaries do the one
    under which least becomes of the fallbacks.
    """
    if backend.engine is None:
        raise ValueError(lacks(backend))
    here, engine = on_machine(fleet, backend, facts), engine_of(backend.engine)

    def judged(one: Server) -> AdmissionVerdict:
        return doubted(one.admit(list(expected(fleet, backend, one, facts, planned).values())), here.doubt)

    found = ServerSettings(backend.name, judged(here.server))
    spare = list[tuple[int, ServerSettings]]()
    for one in engine.arrangements(backend, here.server, found.now.placed):
        verdict = judged(one.server)
        if verdict.fit is not Fit.FITS:
            continue
        made = replace(found, verdict=verdict, says=one.says, cost=one.cost, file=one.file, text=one.text, how=one.how)
        bad = {name: fit for name, fit in verdict.fallbacks if fit is not Fit.FITS}
        if not bad:
            return made
        lacking = f"{', '.join(bad)} as a fallback does not stay beside the others"
        known = [fit for fit in bad.values() if fit is not Fit.UNKNOWN]
        spare.append((max((HARM.index(fit) for fit in known), default=0), replace(made, lacks=lacking)))
    return min(spare, key=lambda one: one[0])[1] if spare else found
