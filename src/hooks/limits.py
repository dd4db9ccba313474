"""Limits in a worker: takes what a request and each of its upstream calls use, waits for room, or refuses."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..policy import budgets
from ..policy.budgets import Reservation, Size, corrections
from ..policy.chains import plan_walks, walk_of
from ..policy.client_keys import ClientKey
from ..policy.costs import Price
from ..policy.limits import Charge, Limit, LimitSet, Rule, headers, limits_of
from .client_keys import GRANT, KeyRing, check_names
from .errors_out import Refusal, wrong_key
from .limits_counting import Counting, Unavailable
from .limits_room import LimitReached, Need, Room
from .planview import ModelView
from .record import RequestRecord
from .runtime import Runtime

# In the record's ``extra``: what the request took, what its current upstream call took, the request's size, the
# counters that headers tell of, the names of limits that it met, and the answer where one of them is the end.
TAKEN, CALL, SIZE, COUNTED, MET, REFUSED = "limit_taken", "limit_call", "size", "limit_counted", "limits_met", "refused"
# Keys that nobody knows make a worker look for new ones once in so many seconds.
LOOK_S = 1.0
Receive = Callable[[], Awaitable[Any]]


@dataclass(slots=True)
class Call:
    """One upstream call: what it took, and whether the model was held back before."""

    model: ModelView
    rules: tuple[Rule, ...]
    taken: Reservation
    refusals: int


class Gate:
    """One per worker. ``reload`` reads rows and keys again; see `limits_refresh.py`."""

    def __init__(self, now: Runtime, counting: Counting) -> None:
        self._now, self.counting = now, counting
        self._room = Room(counting)
        self._models = {model.deployment: model for model in now.plan.models}
        self._walks = plan_walks(now.plan.models, now.plan.chains)
        self._names = now.plan.names()
        self._prices: dict[str, Price | None] = {}
        self.usual: Mapping[str, int] = {}
        self.revision: int | None = None
        self.reload: Callable[[], Awaitable[None]] | None = None
        self._looked = -LOOK_S
        self._look: asyncio.Future[None] | None = None
        self.set_limits(limits_of((now.plan.raw.get("registry") or {}).get("limits") or ()))

    @property
    def keys(self) -> KeyRing:
        """Return the client keys of this worker."""
        return self._now.keys

    def set_limits(self, limits: tuple[Limit, ...]) -> None:
        """Use these rows from now on, with what the plan itself declares."""
        zones = (word.partition("=") for word in self._now.plan.settings.reset_zones)
        self._limits = LimitSet(limits, {provider: zone for provider, _, zone in zones})
        found = {name: self._limits.of_attempt(model) for name, model in self._models.items()}
        # Limits for single names under a wildcard are found when such a name is asked for.
        self._of_names = {name for name, model in self._models.items() if self._limits.of_names(model.alias)}
        self._of_calls = {name: rules for name, rules in found.items() if rules or name in self._of_names}
        self.sized = [name for name, rules in found.items() if any(rule.limit.counts_tokens for rule in rules)]
        self._sizes = bool(self.sized) or any(limit.counts_tokens for limit in limits)

    @property
    def limits_calls(self) -> bool:
        """Tell whether upstream calls of any model are limited."""
        return bool(self._of_calls)

    # --- the whole request, at the edge -----------------------------------------------------------------------------

    async def enter(self, record: RequestRecord, body: bytes, form: bool, receive: Receive) -> None:
        """Let a client request in: raises Refusal, or ClientGone while it waits."""
        grant: ClientKey | None = record.extra.get(GRANT)
        members = self._members(record.alias or "")
        check_names(record, members)
        rules = self._of_request(grant, record.user)
        if self._sizes or (grant is not None and rules):
            record.extra[SIZE] = Size.of(record.route, body, form)
        if grant is None and not rules:
            return
        need = self._need(record, rules, self._first(grant, members))
        need.keys, need.leaving = grant is not None, receive
        try:
            record.extra[TAKEN] = await self._room.take(need)
        except LimitReached as reached:
            await self._still_valid(grant, need.revision, record)
            raise reached.refusal() from None
        except Unavailable:
            raise _unavailable() from None
        finally:
            _note(record, need)
        await self._still_valid(grant, need.revision, record)

    def _members(self, alias: str) -> tuple[str, ...]:
        walk = walk_of(self._walks, self._names, alias)
        return (alias,) if walk is None else tuple(step.alias for step in walk.steps)

    def _of_request(self, grant: ClientKey | None, user: str | None) -> tuple[Rule, ...]:
        own = grant.limit if grant is not None else None
        rules = (Rule(own, grant.name),) if own is not None and grant is not None else ()
        if not self._limits.of_requests:
            return rules
        return rules + self._limits.of_request(key=grant.name if grant else None, tier=grant.tier if grant else None,
                                               user=user)

    def _first(self, grant: ClientKey | None, members: Sequence[str]) -> ModelView | None:
        """Return the model that most likely answers."""
        names = grant.allowed(members) if grant is not None else members
        return next((model.serving(name) for name in names for model in self._models.values()
                     if model.alias == self._names.declared(name)), None)

    async def _still_valid(self, grant: ClientKey | None, revision: int | None, record: RequestRecord) -> None:
        """Read the keys again where some were revoked at once since they were read."""
        if grant is None or revision is None or revision == self.revision or self.reload is None:
            return
        await self.reload()
        if self.keys.find(grant.digest, time.time()) is None:
            self._settle(record.extra.pop(TAKEN, None), 0, 0)
            raise wrong_key()

    async def looked_again(self) -> bool:
        """Read the keys again, for a request with one that nobody knows, and tell whether that was done.

        A key that was made a moment ago works so; guesses of keys cost the store one look in `LOOK_S` seconds.
        """
        if self._look is None or self._look.done():
            now = time.monotonic()
            if self.reload is None or self.counting.away or now - self._looked < LOOK_S:
                return False
            self._looked, self._look = now, asyncio.ensure_future(self.reload())
        await asyncio.shield(self._look)  # all who come meanwhile wait for the same look
        return True

    # --- one upstream call, inside LiteLLM --------------------------------------------------------------------------

    async def call(self, record: RequestRecord, deployments: list[Any]) -> list[Any]:
        """Return the deployment that may be called now, or all of them where nothing limits any.

        Raises LimitReached, which LiteLLM takes as the failure of this step.
        """
        self.end_call(record)
        record.extra.pop(REFUSED, None)
        if not self._of_calls:
            return deployments
        named = [(str((one.get("model_info") or {}).get("id")), one) for one in deployments]
        if not any(name in self._of_calls for name, _ in named):
            return deployments
        random.shuffle(named)
        for name, one in named[:-1]:
            try:
                await self._call(record, name, patient=False)
                return [one]
            except LimitReached:
                continue
        name, one = named[-1]
        await self._call(record, name)
        return [one]

    async def _call(self, record: RequestRecord, name: str, patient: bool = True) -> None:
        rules = self._of_calls.get(name, ())
        if name in self._of_names:
            rules = self._limits.of_attempt(self._models[name], record.alias)
        if not rules:
            return
        model = self._models[name].serving(record.alias)
        try:
            need = self._need(record, rules, model)
        except Refusal as refusal:
            record.extra[REFUSED] = refusal
            raise LimitReached(refusal, "budget", moves_on=True) from None
        need.patient = patient
        need.model = name if any(rule.limit.backoff for rule in rules) else None
        try:
            taken = await self._room.take(need)
        except LimitReached as reached:
            record.extra[REFUSED] = reached.refusal()
            raise
        except Unavailable:
            record.extra[REFUSED] = unavailable = _unavailable()
            raise LimitReached(unavailable, "limit", moves_on=True) from None
        finally:
            _note(record, need)
        record.extra[CALL] = Call(model, rules, taken, need.refusals)

    def _need(self, record: RequestRecord, rules: tuple[Rule, ...], model: ModelView | None) -> Need:
        size: Size | None = record.extra.get(SIZE)
        if size is None or not any(rule.limit.counts_tokens for rule in rules):
            return Need(rules, request=record.request_id)
        usual = self.usual.get(model.deployment) if model is not None else None
        micros = None
        if any(rule.limit.budget_micros is not None for rule in rules):
            micros = size.micros(self._price(model), usual)
            if micros is None:
                raise _unpriced(record)
        return Need(rules, size.tokens(usual), micros or 0, request=record.request_id)

    def _price(self, model: ModelView | None) -> Price | None:
        if model is None:
            return None
        if model.deployment not in self._prices:
            from .callback_usage import price_of
            known = price_of(model, self._now.plan.raw)
            if self._models[model.deployment].wildcard:  # each name has its own price, and clients make up names
                return known.price if known else None
            self._prices[model.deployment] = known.price if known else None
        return self._prices[model.deployment]

    def failed(self, record: RequestRecord, status: int | None, retry_after: float | None) -> None:
        """An upstream call failed: give back its tokens, and hold back the model after a 429."""
        call: Call | None = record.extra.get(CALL)
        self.end_call(record)
        if call is None or status != 429:
            return
        limit = next((rule.limit for rule in call.rules if rule.limit.backoff), None)
        if limit is not None:
            self._room.hold_back(call.model.deployment, limit, call.refusals + 1, retry_after)

    def end_call(self, record: RequestRecord) -> None:
        """Give back the tokens of an upstream call that came to nothing."""
        call: Call | None = record.extra.pop(CALL, None)
        if call is not None:
            self._settle(call.taken, 0, 0)

    # --- the end ----------------------------------------------------------------------------------------------------

    def observe(self, record: RequestRecord) -> None:
        """Correct what was reserved to what was used; a sink of the request book."""
        tokens, micros = used(record)
        if record.attempts and record.attempts[-1].status == 429:
            self.failed(record, 429, None)
        call: Call | None = record.extra.pop(CALL, None)
        if call is not None:
            self._settle(call.taken, tokens, micros)
            if call.refusals and record.error_type is None:
                self.counting.post(lambda counters: counters.release(call.model.deployment))
        self._settle(record.extra.pop(TAKEN, None), tokens, micros)

    def _settle(self, taken: Reservation | None, tokens: int | None, micros: int | None) -> None:
        if taken is not None:
            self.counting.settle(taken, corrections(taken.charges, tokens, micros))


def used(record: RequestRecord) -> tuple[int | None, int | None]:
    """Return tokens and micro-dollars of a request that has ended; what nobody counted is None, of failures 0."""
    failed = record.error_type is not None and record.first_byte_ns is None and not record.client_gone
    return budgets.used(record.prompt_tokens, record.completion_tokens, record.cost_micros,
                        failed or record.route == "count_tokens")


def limit_headers(record: RequestRecord) -> list[tuple[bytes, bytes]]:
    """Return `x-ratelimit-*` of the limits that the request met."""
    counted: dict[str, tuple[Charge, int]] | None = record.extra.get(COUNTED)
    return headers(counted.values(), time.time()) if counted else []


def _note(record: RequestRecord, need: Need) -> None:
    if need.counted:
        record.extra.setdefault(COUNTED, {}).update((charge.key, (charge, now)) for charge, now in need.counted)
    if need.met:
        record.extra.setdefault(MET, set()).update(need.met)


def _unavailable() -> Refusal:
    return Refusal(503, "Limits cannot be counted now, and this gateway serves nothing uncounted.",
                   "limits_unavailable", retry_after="1")


def _unpriced(record: RequestRecord) -> Refusal:
    return Refusal(403, f"The model '{record.asked}' has no price, so that no budget can be kept for it.",
                   "unpriced_model", "model")


_gate: Gate | None = None


def install(gate: Gate | None) -> None:
    """Make ``gate`` the one of this worker."""
    global _gate
    _gate = gate


def installed() -> Gate | None:
    """Return the gate of this worker, None where there is none."""
    return _gate
