"""A hold that ends between the look at the database and our answer lets the call through, it never fails it."""

import asyncio
import time

from src.hooks.limits_counting import Ask, Counting, Outcome
from src.hooks.limits_room import Need, Room
from src.policy.budgets import Reservation
from src.policy.limits import Limit, Rule
from src.store.counters import Held

PATIENT = Limit("hold", "model", "gpt-5", backoff="fixed", backoff_s=0.2, wait_s=5.0)


class EndedMeanwhile(Counting):
    """Counters that refused because of a hold which is over by now, and take the next call."""

    def __init__(self) -> None:
        self.asked = 0

    async def take(self, ask: Ask) -> Outcome:
        """Refuse once, then take."""
        self.asked += 1
        return Outcome(self.asked > 1, {}, Held(int(time.time() * 1000) - 1, 1))


def test_who_was_held_back_a_moment_ago_is_let_in() -> None:
    counting = EndedMeanwhile()
    # No numbers at all: the limit only says how long an upstream's 429 holds calls back.
    taken = asyncio.run(Room(counting).take(Need((Rule(PATIENT, "gpt-5"),), model="gpt-5")))
    assert (taken, counting.asked) == (Reservation(), 2)
