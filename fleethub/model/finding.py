"""Findings: one type for every diagnosis, and the one table of their codes and severities."""

from __future__ import annotations

from enum import StrEnum

from fleethub.model.address import Address
from fleethub.model.dataclass import dataclass


class Severity(StrEnum):
    """``error`` refuses what needs it (exit 3, or the code's own exit); a warning never changes the exit code."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, order=True, slots=True)
class SourceLocation:
    """Where in the spec: file as the operator knows it, line and column from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A diagnosis. ``detail`` holds further lines (an arithmetic, YAML to add); ``hint`` the next thing to do."""

    code: str
    message: str
    address: Address | None = None
    place: SourceLocation | None = None
    hint: str = ""
    detail: tuple[str, ...] = ()
    severity_override: Severity | None = None

    @property
    def severity(self) -> Severity:
        """The code's severity, unless a policy lowered or raised it."""
        return self.severity_override or CODES[self.code][0]


E, W = Severity.ERROR, Severity.WARNING
#: How the codes of a fleet's own checks begin (``[[check]]``); each finding of one brings its severity along.
CHECK = "check."

#: code -> severity, what it means. The documentation's table is made from this one.
CODES: dict[str, tuple[Severity, str]] = {
    # the spec itself
    "spec.syntax": (E, "the file is not TOML"),
    "spec.unreadable": (E, "a file of the spec cannot be read"),
    "spec.unknown-key": (E, "a key that the spec does not have"),
    "spec.value": (E, "a value of the wrong type or out of range"),
    "spec.missing": (E, "a required key is absent"),
    "spec.name": (E, "a name that is not [a-z0-9][a-z0-9-]*"),
    "spec.owner-spelling": (E, "one owner in two spellings: letters and digits are what counts"),
    "spec.name-case": (E, "two names that differ by case alone"),
    "spec.reference": (E, "a name that is not defined (model, backend, proxy, role, key, endpoint)"),
    "spec.duplicate": (E, "the same thing defined twice"),
    "spec.include": (E, "an include that matches nothing or leaves the fleet's folder"),
    "spec.version": (E, "required_version is not met by this FleetHub"),
    "spec.literal-secret": (E, "a secret written into the spec instead of a reference"),
    "spec.uncommitted": (E, "a rollback would overwrite edits of the spec that neither git nor the history knows"),
    "spec.placeholder": (E, "a brace around what is no placeholder there"),
    "spec.expression": (E, "the expression of a check is not CEL, or asks for what there is not"),
    "chain.duplicate": (E, "one model twice in a chain by the same way"),
    "chain.no-proxy": (E, "a model of a chain is on no proxy and names no endpoint"),
    "model.proxies": (E, "a model whose backends have different proxies"),
    "model.context-small": (W, "a context under 16k, too small for an agent's prompt"),
    "target.duplicate": (E, "one target used by two nodes"),
    "target.outside": (E, "a folder target outside the fleet's folder"),
    "node.port-duplicate": (E, "one host and port used by two nodes"),
    "node.owned-path": (E, "a node's block sets what FleetHub owns"),
    "key.models-of-node": (E, "models on a key that a node uses (use also)"),
    # rendering
    "template.missing": (E, "a node type without a template"),
    "template.failed": (E, "a template that does not render"),
    "template.output": (E, "a template whose output is not what the file must be"),
    "node.dangling-model": (E, "the rendered config names a model that it does not define"),
    "node.bind-open": (E, "the gateway listens beyond loopback without authentication"),
    "node.config-check": (E, "the rendered config fails one of FleetHub's own checks"),
    "node.config-schema": (E, "the rendered config does not fit its program's JSON Schema of the pinned version"),
    "node.env-quote": (E, "a value that cannot be written single-quoted into .env"),
    "node.env-tracked": (E, "git tracks, or does not ignore, a node's .env"),
    "node.env-forbidden": (E, "a node's variable names the seed or a master key"),
    # trust: what this machine knows
    "origin.new": (E, "a proxy, backend or host that this machine does not know, or another credential for one"),
    "command.new": (E, "a command that this machine does not know"),
    # secrets
    "seed.malformed": (E, "the seed is not fhseed1_ and 43 characters of base64url"),
    "seed.mismatch": (E, "the seed is not the one that the lockfile's keys were derived from"),
    "secret.unresolved": (W, "a reference that does not resolve; what needs it is unknown"),
    "secret.mode": (E, "a seed or token file that others can read"),
    # state
    "fleet.renamed": (E, "the fleet's name differs from the lockfile's, and its keys are derived from it"),
    "fleet.id-added": (E, "a fleet whose keys are derived from its name got an id"),
    "fleet.id-changed": (E, "the fleet's id is not the lockfile's"),
    "state.behind": (E, "the proxy or a node carries a mark newer than the lockfile"),
    "state.lost": (E, "no lockfile, but keys marked as FleetHub's"),
    "state.unsure": (E, "a destroy without a lockfile, and a proxy that could tell of a lost one cannot be read"),
    "state.not-moved": (E, "the spec names another store, and the lockfile still lies beside it"),
    "state.moved": (E, "the state was taken to another store, which this spec does not name"),
    # keys
    "key.alias-taken": (E, "an unmarked key already has this alias"),
    "key.alias-duplicate": (E, "several keys share this alias"),
    "key.foreign": (E, "the key carries another fleet's mark"),
    "key.generation-behind": (E, "the spec's generation is below a mark's"),
    "key.revoked": (W, "a key was deleted or blocked by hand"),
    "key.unprovable": (E, "a wildcard, a group, or a team that cannot be read on a key of ours"),
    "key.team-narrower": (E, "the list of the key's team lacks a model that the key must reach"),
    "key.team-blocked": (E, "the key's team is blocked, so every call of the key is refused"),
    "key.spent": (W, "the key or its team has spent its budget: every call is refused until it is reset or raised"),
    "key.budget-below-spend": (W, "a budget of the spec is spent already, so an apply would block the key at once"),
    "key.fallback-outside": (W, "the proxy would fall back to a model outside the key's scope, and may not"),
    "proxy.no-custom-keys": (E, "the proxy does not let a key's value be chosen, so no key can be made there"),
    "key.unused": (W, "the block of a key names no models, and no node has that key: what it says is nobody's"),
    "key.orphan": (W, "a living key with this fleet's mark is in neither the spec nor the lockfile"),
    "key.wider-than-wiring": (W, "an adopted key may call more than the wiring needs, and keeps that"),
    "key.unmarked": (W, "a key without a mark is not revoked: without the fleet's seed it cannot be told from others"),
    "key.kept-unproved": (W, "the value of an adopted key is not known, so its new scope is waited for, not proved"),
    "key.kept-whole": (
        E,
        "who is brought a key, or whose files are all FleetHub's, uses an adopted one, whose value FleetHub has not",
    ),
    "key.expired": (W, "a key is past the end that the spec gives it: every call with it is refused"),
    "key.expires-soon": (W, "a key ends soon, as the spec says"),
    "key.limit-stuck": (W, "this LiteLLM cannot clear budget_duration"),
    # routes and proxies
    "look.earlier": (W, "what is shown was seen earlier: there is no master key here to look with"),
    "proxy.unreadable": (W, "a proxy cannot be observed; what is on it is unknown"),
    "route.missing": (E, "a chain or key names an alias that the proxy does not have"),
    "route.context-unset": (W, "the route sets no num_ctx, so Ollama chooses the context"),
    "route.context-differs": (W, "the route's num_ctx is not the spec's context"),
    "route.api-base": (W, "the route's api_base is not the backend's URL"),
    "route.backend-missing": (W, "the proxy has deployments of a model for some of its backends, and none for others"),
    "route.foreign": (E, "a stored route that is wanted no more does not carry this fleet's mark"),
    "route.orphan": (W, "a stored deployment with this fleet's mark is in neither the spec nor the lockfile"),
    "route.group-named": (W, "an access group of the proxy has a model's name, so a key for that may call the group's"),
    "route.differs": (W, "the alias exists, but leads to another model"),
    # backends
    "backend.unreadable": (W, "a backend cannot be observed; it is judged from the spec alone"),
    "capacity.file-unread": (W, "the file that tells a model's shape cannot be read"),
    "backend.machine-unread": (
        W,
        "a backend's machine does not tell its GPUs or Ollama's settings; the spec's are taken",
    ),
    "backend.machine-odd": (W, "a backend's driver tells some of its GPUs, or with a warning"),
    "backend.gpus-differ": (W, "the declared GPUs are not those of the machine"),
    "backend.settings-differ": (W, "a declared setting is not what Ollama runs with"),
    "model.no-disk": (E, "a model is to be pulled, and its backend's disk has no room for it"),
    "model.disk-unknown": (W, "a model is to be pulled, and whether its backend's disk has room is not known"),
    "model.digest-differs": (E, "a model that FleetHub did not pull has another digest than the spec holds it to"),
    "model.remote": (W, "a model of a backend that a cloud answers: what is asked of it leaves the house"),
    "capacity.exceeded": (E, "the planned models do not fit into the backend's VRAM"),
    "capacity.evicts": (E, "the models fit, and yet their server would evict one for another"),
    "capacity.spills": (E, "layers of a planned model would go to the CPU in silence"),
    "capacity.context-mismatch": (
        W,
        "one model, or one file of weights, is asked for differently, so that it is loaded anew each time",
    ),
    "capacity.unknown": (W, "the size of a planned model, or the VRAM, is not known"),
    "capacity.spilled": (W, "layers of a loaded model are on the CPU"),
    "capacity.unplanned": (W, "a model is loaded that nobody planned"),
    "capacity.foreign": (W, "a process that is not Ollama's holds VRAM"),
    "capacity.estimate-off": (W, "a live load takes more or less than the range that was reckoned"),
    # nodes
    "node.target-shared": (E, "the lockfile has two nodes at one target"),
    "node.target-taken": (E, "files without FleetHub's mark are at the target"),
    "node.nothing-to-wire": (E, 'the files that manage = "wiring" puts a node\'s wiring into are not there'),
    "node.env-open": (W, "a node's .env that is its operator's can be read by everybody on its machine"),
    "node.key-unadopted": (E, "a node keeps a key that FleetHub does not know"),
    "node.ignore-unknown": (W, "ignore names nothing of the node that can be left alone"),
    "node.ignore-withholds": (
        W,
        "a node needs what stands in a file that ignore leaves alone; what it has stays till then",
    ),
    "node.kept-changed": (W, "a value that stays as it is found is no longer the one that was recorded"),
    "node.foreign": (E, "the target carries another fleet's mark"),
    "node.no-docker": (E, "the node's machine has no docker to start it with"),
    "node.uid-differs": (W, "the login on the node's machine is neither root nor the user of the container"),
    "node.target-policy": (E, "an edit puts a node where [policy] targets, or what is usual in the fleet, does not"),
    "agent.limit": (E, "an edit that an agent asks for beyond [policy] agents or its table in [agents]"),
    "node.owned": (E, "an edit of an entry that belongs to another project"),
    "node.port-clash": (E, "something else listens on the node's port"),
    "compose.second-file": (E, "another compose file lies at the target, which would start a second stack"),
    "compose.project-changes": (E, "the Compose project is another than the one that runs there"),
    "node.folder-gone": (W, "the node's whole folder is gone"),
    # verify: asked with the node's own key
    "verify.not-applied": (E, "the node has no .env, or no key in it"),
    "verify.older-key": (W, "the key in the node's .env is an older value, of a rotation that is not at its end"),
    "verify.wrong-key": (E, "the key in the node's .env is not the one that FleetHub derives"),
    "verify.key-refused": (E, "the proxy does not take the node's key: deleted, blocked or expired"),
    "verify.route-refused": (E, "the proxy lists models to the key, and refuses a call with it"),
    "verify.fallback": (E, "another model answered in the place of the one that was called"),
    "verify.key-scope": (E, "the key's own list of models lacks one that the node calls"),
    "verify.team-scope": (E, "the key is bound to a team (or user, organisation) whose list lacks the model"),
    "verify.model-missing": (E, "the proxy has no model of that name"),
    "verify.cache-stale": (E, "the key has the model, and a replica does not know it yet"),
    "verify.replica-dead": (E, "a replica of a proxy does not answer"),
    "verify.proxy-down": (E, "a proxy answers neither the node nor this machine"),
    "verify.proxy-error": (E, "a proxy answers, but not as a LiteLLM that works"),
    "verify.no-route": (E, "the node cannot connect to what this machine can connect to"),
    "verify.budget": (E, "the key is over its budget"),
    "verify.rate-limited": (W, "a limit of requests or tokens held a call back, so it proves nothing"),
    "verify.hangs": (E, "a call was not answered in time"),
    "verify.model-error": (E, "the proxy takes the call, and the model behind it fails"),
    "verify.tag-missing": (E, "an Ollama that a node calls directly does not have the model"),
    "verify.backend-down": (E, "an Ollama that a node calls directly does not answer"),
    "verify.node-unread": (W, "the node's .env could not be read, so its own key was not asked with"),
    # audit: of a proxy without a spec
    "audit.key-everything": (E, "a key reaches every model, also those that are added later"),
    "audit.key-manages": (E, "a key may make keys, teams or models, as the master key does"),
    "audit.key-dead-model": (E, "a key names a model that the proxy does not have"),
    "audit.key-no-budget": (W, "a key, and its team, have no budget"),
    "audit.key-no-expiry": (W, "a key never ends"),
    "audit.key-expired": (W, "a key is past its end, and still there"),
    "audit.key-spent": (W, "a key or its team has spent its budget: every call is refused"),
    "audit.key-unused": (W, "a key that nobody uses"),
    "audit.key-nameless": (W, "keys without an alias"),
    "audit.alias-twice": (E, "several keys share one alias"),
    "audit.master-key-used": (E, "somebody calls models with the master key"),
    "audit.route-no-context": (W, "a route sets no num_ctx, so its server chooses the context"),
    "audit.models-do-not-fit": (E, "what keys may call on one server does not fit there together"),
    "audit.fallback-leaves": (W, "a model of the house falls back to one outside of it"),
    "audit.fallback-missing": (E, "a model falls back to one that the proxy does not have"),
    # the fleet's own checks; what one finds has its name: check.NAME
    "check.failed": (E, "a check of the spec has no answer: its expression, or its function, failed"),
    "check.unknown": (W, "whether a check of the spec holds is not known, for what it asks for is not known"),
    # policy
    "resource.protected": (E, "a protected resource would be deleted"),
    "stop.deletes": (E, "the plan deletes more of a kind than [policy] max_delete_percent"),
    "stop.updates": (E, "the plan changes more of a kind than [policy] max_update_percent"),
    "stop.key-in-use": (E, "a key that would be deleted was used within [policy] key_idle"),
    "stop.last-node": (E, "the last node that uses a backend would go, and [policy] last_node says stop"),
    "drift.stopped": (W, "something was changed by hand, and the policy says not to repair it unasked"),
}
#: Stops that ``--allow CODE`` lets a plan pass.
STOPS = tuple(code for code in CODES if code.startswith("stop."))
#: What only a person decides: a session is told, and not what to type.
FOR_PEOPLE = ("origin.new", "command.new")
#: Codes of severity error that end the whole run, with the exit code they ask for (see ``model.exit``).
FATAL: dict[str, int] = {
    "state.behind": 4,
    "state.lost": 4,
    "state.not-moved": 4,
    "state.moved": 4,
    "key.generation-behind": 4,
    "fleet.renamed": 3,
    "fleet.id-added": 3,
    "fleet.id-changed": 3,
    "seed.mismatch": 3,
    "seed.malformed": 1,
    "spec.version": 1,
    "state.unsure": 1,
}
