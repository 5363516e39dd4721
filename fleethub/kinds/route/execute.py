"""Route steps: store deployments through the proxy's API, prove that every replica lists them."""

from __future__ import annotations

import time

from fleethub.clients.litellm import LiteLLMError
from fleethub.kinds.execution import Context, Handler, StepError
from fleethub.kinds.route.actions import ProveRoute, RouteDelete, RoutePut
from fleethub.model.attributes import plain

POLL = 0.5  # seconds


def put(do: RoutePut, context: Context) -> tuple[str, ...]:
    """Store the wanted deployments, then remove the ones they replace."""
    api = context.litellm(do.source)
    mark = {**context.mark(1), "fleet": context.fleet}
    try:
        for deployment in do.deployments:
            api.add_model(
                {
                    "model_name": do.alias,
                    "litellm_params": plain(deployment),
                    "model_info": {"fleethub": mark},
                }
            )
        for old in do.remove:
            api.delete_model(old)
    except LiteLLMError as error:
        raise StepError(f"{error} (a LiteLLM stores models only with STORE_MODEL_IN_DB=True)") from None
    return ()


def prove(do: ProveRoute, context: Context) -> tuple[str, ...]:
    """Ask each endpoint as the master until it lists the alias."""
    api = context.litellm(do.source)
    for endpoint in do.endpoints:
        deadline, said = time.monotonic() + do.timeout, False
        while True:
            try:
                if do.alias in api.models_seen_by(endpoint):
                    break
                reason = f"{endpoint} does not list {do.alias!r}"
            except LiteLLMError as error:
                reason = f"{endpoint}: {error}"
            if time.monotonic() >= deadline:
                raise StepError(reason)
            if not said:
                context.say(f"waiting until {endpoint} lists {do.alias}", do.timeout)
                said = True
            context.pause(POLL)
    return ()


def delete(do: RouteDelete, context: Context) -> tuple[str, ...]:
    """Remove the stored deployments of an alias."""
    api = context.litellm(do.source)
    try:
        for model_id in do.ids:
            api.delete_model(model_id)
    except LiteLLMError as error:
        raise StepError(str(error)) from None
    return ()


HANDLERS: dict[type, Handler] = {
    RoutePut: put,
    ProveRoute: prove,
    RouteDelete: delete,
}
