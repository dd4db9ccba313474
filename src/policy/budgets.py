"""How large a request will be, before anybody knows, and what it costs: what is reserved, and later corrected."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .costs import PICO_PER_MICRO, Price, Usage, cost
from .limits import BYTES_PER_TOKEN, USUAL_OUTPUT, Charge

# JSON writes quotation marks inside texts as \" , so these names in quotes are keys.
_MOST_TOKENS = re.compile(rb'"max_(?:completion_|output_)?tokens"\s*:\s*(\d{1,12})')
# Routes whose answers are no text, or as long as the input says.
_NO_OUTPUT = frozenset({"embeddings", "count_tokens", "images_generations", "speech"})


@dataclass(frozen=True, slots=True)
class Size:
    """What can be known of a request beforehand; ``most`` None: it does not say how long the answer may be."""

    prompt: int
    most: int | None

    @classmethod
    def of(cls, route: str, body: bytes, form: bool = False) -> "Size":
        """Return the size of a request; of forms, which carry sound or pictures, the length says nothing."""
        if form:
            return cls(0, None)
        prompt = -(-len(body) // BYTES_PER_TOKEN)
        if route in _NO_OUTPUT:
            return cls(prompt, 0)
        found = [int(number) for number in _MOST_TOKENS.findall(body)]
        return cls(prompt, max(found) if found else None)

    def completion(self, usual: int | None = None) -> int:
        """Return the tokens of the answer: at most, as usual for the model, or 1,024."""
        return self.most if self.most is not None else USUAL_OUTPUT if usual is None else usual

    def tokens(self, usual: int | None = None) -> int:
        """Return the tokens of question and answer."""
        return self.prompt + self.completion(usual)

    def micros(self, price: Price | None, usual: int | None = None) -> int | None:
        """Return the cost in micro-dollars, rounded up; None where the price is not known."""
        pico = cost(Usage(self.prompt, self.completion(usual)), price).pico
        return None if pico is None else -(-pico // PICO_PER_MICRO)


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be added to a counter afterwards."""

    charge: Charge
    by: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a call of one ``request`` took.

    ``id`` is what the store knows it by; None where nothing is reserved, or it was counted without the store.
    """

    charges: Sequence[Charge] = ()
    id: str | None = None
    request: str = ""


def used(prompt: int | None, completion: int | None, micros: int | None,
         nothing: bool) -> tuple[int | None, int | None]:
    """Return tokens and micro-dollars of a request that has ended; None is unknown, ``nothing`` where it was free."""
    if prompt is not None or completion is not None:
        return (prompt or 0) + (completion or 0), micros
    return (0, 0) if nothing else (None, None)


def corrections(charged: Sequence[Charge], tokens: int | None, micros: int | None) -> list[Change]:
    """Return what corrects reserved ``charged`` to what was really used; unknown leaves the reservation as it is."""
    real = {"tokens": tokens, "cost": micros}
    return [Change(charge, used - charge.amount) for charge in charged
            if (used := real.get(charge.measure.counted)) is not None and used != charge.amount]
