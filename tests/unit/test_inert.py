"""What is left out of LiteLLM has no effect here; where it may have one, or has another name, everything stays."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from src.hooks import inert

LIMITER, BUDGET, SERVICES, OWN = "limiter", "budget", "services", "own"


def proxy(prisma: object = None, services: tuple[str, ...] = (), router: Any = None, **more: Any) -> Any:
    """Return as much of proxy_server as is looked at; a string stands for a hook."""
    hooks = [LIMITER, BUDGET, SERVICES, OWN]
    return SimpleNamespace(
        litellm=SimpleNamespace(callbacks=[*hooks], _async_success_callback=[OWN, *hooks], success_callback=None,
                                service_callback=[*services]),
        prisma_client=prisma, llm_router=router, model_max_budget_limiter=BUDGET,
        proxy_logging_obj=SimpleNamespace(get_proxy_hook={"parallel_request_limiter": LIMITER}.get,
                                          service_logging_obj=SERVICES), **more)


@pytest.mark.parametrize(("found", "foreign", "left"), [
    (proxy(), False, [OWN]), (proxy(), True, [LIMITER, BUDGET, SERVICES, OWN]),
    (proxy(prisma=object()), False, [LIMITER, BUDGET, SERVICES, OWN]),
    (proxy(services=("otel",)), False, [SERVICES, OWN]),
], ids=["a generated configuration", "a file of a user's own", "a database of LiteLLM's", "services that are told"])
def test_hooks_run_only_where_they_may_do_something(found: Any, foreign: bool, left: list[str]) -> None:
    inert.leave_out(found, foreign)
    inert.leave_out(found, foreign)  # a second time changes nothing
    assert (found.litellm.callbacks, found.litellm._async_success_callback) == (left, [OWN, *left])


class Router:
    """LiteLLM's router with one deployment, and what it counted."""

    model_names = {"known"}

    def __init__(self, deployed: bool, place: str = "", **limits: int) -> None:
        self.deployed, self.counted = deployed, list[str]()
        self.at = {one: limits if one == place else {} for one in ("deployment", "params", "info")}

    async def _increment_deployment_usage(self, *, deployment_id: str, model_group: str, rpm_increment: int) -> str:
        self.counted += [model_group] * rpm_increment
        return "a key"

    def get_deployment(self, model_id: str) -> Any:
        params = {"tpm": None, "rpm": None, **self.at["params"]}
        return SimpleNamespace(get=self.at["deployment"].get, litellm_params=SimpleNamespace(**params),
                               model_dump=lambda: {"litellm_params": params}) if self.deployed else None

    def get_router_model_info(self, deployment: Any, received_model_name: str) -> dict[str, int]:
        return self.at["info"]


@pytest.mark.parametrize(("place", "limit"), [
    *((place, limit) for place in ("deployment", "params", "info") for limit in ({"tpm": 1}, {"rpm": 1}, {"tpm": 0})),
    ("params", {"itpm": 1}), ("params", {"otpm": 1}),
])
def test_what_has_a_limit_anywhere_is_counted(place: str, limit: dict[str, int]) -> None:
    router = Router(True, place, **limit)
    inert.leave_out(proxy(router=router), False)
    count: Any = router._increment_deployment_usage
    assert asyncio.run(count(deployment_id="d", model_group="known", rpm_increment=2)) == "a key"
    assert router.counted == ["known"] * 2


@pytest.mark.parametrize(("deployed", "group", "counted"), [
    (True, "known", []), (True, "of-a-wildcard", ["of-a-wildcard"] * 2), (False, "known", ["known"] * 2),
])
def test_where_a_limit_is_not_ruled_out_litellm_decides(deployed: bool, group: str, counted: list[str]) -> None:
    router = Router(deployed)
    inert.leave_out(proxy(router=router), False)

    async def twice() -> list[str | None]:
        count: Any = router._increment_deployment_usage
        return [await count(deployment_id="d", model_group=group, rpm_increment=1) for _ in range(2)]

    assert asyncio.run(twice()) == (["a key"] * 2 if counted else [None] * 2)
    assert router.counted == counted


def test_a_router_that_counts_otherwise_is_left_alone() -> None:
    router = SimpleNamespace(model_names=set())
    inert.leave_out(proxy(router=router), False)
    assert vars(router) == {"model_names": set()}
