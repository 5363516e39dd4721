"""What serves models: proxies, backends with their GPUs and model servers, models, and the keys to them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fleethub.engines.registry import ENGINES
from fleethub.fleetspec import fields as v
from fleethub.fleetspec.tables.block import BlockTable
from fleethub.nodetypes.table import Table

CA = 'A PEM file of certificates to trust for its https URLs besides the usual ones, like "file:certs/ca.pem"'


class ProxyTable(BlockTable):
    """A LiteLLM proxy."""

    url: v.Url = Field(description="The URL that nodes use")
    admin_url: v.Url | None = Field(None, description="The URL that FleetHub uses; default: url")
    replicas: list[v.Url] = Field([], description="Every replica's own URL, when there are several")
    key_cache_ttl: v.Duration | None = Field(
        None, description='LiteLLM\'s user_api_key_cache_ttl, like "60s" (default)'
    )
    ca: v.Certificates | None = Field(None, description=CA)
    master_key: v.Reference = Field(
        description="Reference to the master key (env:, file:, command:), or a list of them"
    )
    manage_routes: bool = Field(False, description="true: FleetHub may add and remove routes through the API")
    processes: int = Field(1, ge=1, le=10_000, description="Workers or hidden replicas behind one URL, 1 or more")


class GpuTable(Table):
    """One GPU of a backend."""

    name: v.Label = Field(description="The GPU's name")
    vram: v.PositiveSize = Field(description='Its memory, like "48 GiB"')


class EngineTable(Table):
    """A backend's model server, and the settings that it does not tell by itself."""

    url: v.Url


class BackendTable(BlockTable):
    """A host with GPUs."""

    host: v.Host = Field(description="The host's name or address")
    proxy: v.Name | None = Field(None, description="The proxy that fronts it; none: only direct hops reach it")
    ssh: v.SshHost | None = Field(
        None,
        description='"user@host" to read its GPUs and its model server\'s settings, "local" for this machine; '
        "none: only what is declared is known",
    )
    endpoints: dict[v.Name, v.Url] = Field({}, description="Further URLs by name, for via =")
    ca: v.Certificates | None = Field(None, description=CA)
    gpus: list[GpuTable] = Field([], description='The GPUs: [{ name = "RTX 6000 Ada", vram = "48 GiB" }]')
    memory: v.PositiveSize | None = Field(
        None, description='Memory of the machine, like "128 GiB", where models lie in it: no GPU has memory of its own'
    )
    memory_for: Literal["cpu", "metal", "shared"] = Field(
        "cpu",
        description="Who uses that memory: cpu (no GPU), metal (Apple), shared (a GPU without memory of its own: GB10, "
        "Jetson, Strix Halo)",
    )
    cordoned: bool = Field(False, description="true: fleethub place puts no further model there")

    def engines(self) -> dict[str, EngineTable]:
        """Its tables of model servers, by the engine's name."""
        tables = ((name, getattr(self, name, None)) for name in ENGINES)
        return {name: table for name, table in tables if isinstance(table, EngineTable)}


class ModelTable(BlockTable):
    """A model alias that keys and nodes name."""

    backends: list[v.Name] = Field([], description="Which backends serve it; none, with a proxy: a cloud model")
    proxy: v.Name | None = Field(None, description="The proxy of a cloud model (one without backends)")
    route: v.Line = Field(description='LiteLLM\'s model, like "ollama_chat/qwen3:32b"')
    context: int = Field(ge=1, le=100_000_000, description="Tokens of context that the route really loads (num_ctx)")
    quant: v.Label | None = Field(None, description='Quantisation, like "Q4_K_M": for what is not installed')
    vram: v.PositiveSize | None = Field(
        None, description='VRAM with this context, like "21 GiB": for what is not installed'
    )
    params: v.Params | None = Field(None, description='Parameters, like "32B": for what is not installed')
    capabilities: list[v.Label] = Field([], description='What it can do, like ["tools", "reasoning"]')
    pinned: bool = Field(False, description="true: fleethub place leaves it on its backends")
    place_on: list[v.Line] = Field(
        [],
        description="Where fleethub place may put it, and what is elsewhere it moves there: backends by name, pattern "
        'or label, like ["gpu-*", "@site=lab"]; none: anywhere',
    )
    file: v.Line | None = Field(
        None,
        description="A file that tells its shape, by its path from the fleet's folder: a GGUF, or Hugging Face's "
        "config.json with model.safetensors.index.json beside it; for what no server tells",
    )

    pull: bool = Field(
        False, description="true: where it is missing an apply has its server download it, and removes what it pulled"
    )
    warm: bool = Field(
        False, description="With pull: loaded with its context after a swap to it; that pins it no more than a request"
    )
    digest: v.Digest | None = Field(
        None, description="With pull: the digest that it must have, its first 12 or more digits, as its server lists it"
    )

    @property
    def tag(self) -> str | None:
        """Its name on the servers, as a key with an engine's name says it."""
        names = (getattr(self, name, None) for name in ENGINES)
        return next((name for name in names if isinstance(name, str)), None)


Ignorable = Literal[
    "rpm", "tpm", "max_budget", "soft_budget", "budget_duration", "max_parallel_requests", "model_rpm", "model_tpm",
    "expires", "allowed_routes", "tags", "team", "aliases", "router_settings",
]  # fmt: skip


class KeyTable(BlockTable):
    """Limits and further scope of a key."""

    rpm: int | None = Field(None, ge=0, le=2**53, description="Requests per minute")
    tpm: int | None = Field(None, ge=0, le=2**53, description="Tokens per minute")
    max_budget: float | None = Field(None, ge=0, description="Budget in the proxy's currency")
    soft_budget: float | None = Field(None, gt=0, description="Spend from which LiteLLM warns, and refuses nothing")
    budget_duration: v.Period | None = Field(None, description='After which the budget starts anew, like "30d"')
    max_parallel_requests: int | None = Field(None, ge=1, le=2**31 - 1, description="Calls at a time")
    model_rpm: dict[v.Label, v.Limit] | None = Field(None, description="Requests per minute by model")
    model_tpm: dict[v.Label, v.Limit] | None = Field(None, description="Tokens per minute by model")
    expires: v.Lifetime | None = Field(
        None, description='How long a value of it lives from the apply that makes it, like "90d"; none: for ever'
    )
    allowed_routes: list[v.Line] | None = Field(
        None, description='The only routes that it may call, like "/v1/*" or "llm_api_routes"; with /v1/models'
    )
    tags: list[v.Label] | None = Field(None, description="Tags of its spend, as metadata.tags")
    team: v.Line | None = Field(None, description="The id of its team in LiteLLM")
    also: list[v.Label] = Field([], description="Models beyond what the wiring needs")
    models: list[v.Label] = Field([], description="The scope of a key that no node uses")
    generation: int = Field(1, ge=1, le=2**31 - 1, description="Raised to rotate the key; never lowered")
    grace: v.Duration | None = Field(
        None, description='How long an old value works beside a new one; default "7d" where no node uses it, else "0s"'
    )
    adopt: Literal["keep", "narrow"] = Field(
        "keep", description="What an adopted key may call beyond the wiring: keep (default), or narrow takes it away"
    )
    ignore: list[Ignorable] = Field(
        [], description="Fields that are left alone where somebody changed them in LiteLLM by hand"
    )
