"""The fields of the noun `limits`."""

from ..config.readers import BadValue, to_bool, to_choice, to_int
from ..config.zones import known_zone
from . import noun_fields as read
from .limits import ACTIONS, DEFAULT_WAIT_S, EACH, SCOPES
from .noun_fields import Field


def target(text: str) -> str:
    """Return the name of one, `*` for each, or the alias of a wildcard, whose names count together."""
    one = text.strip()
    stem = one.removesuffix(EACH)
    return EACH if one == EACH else read.name(stem) + one[len(stem):]


def zone(text: str) -> str:
    """Return the name of a time zone of this machine's IANA data."""
    name = text.strip()
    if not known_zone(name):
        raise BadValue("must be an IANA time zone such as America/Los_Angeles")
    return name


def percent(text: str) -> int:
    """Return a percentage that leaves something."""
    return to_int(text.strip(), 0, 99)


LIMIT_FIELDS = (
    Field("name", read.name, "Name of the limit, which clients get to see", required=True),
    Field("scope", to_choice(*SCOPES), "Who is limited: " + ", ".join(SCOPES), required=True),
    Field("target", target, "Its name: alias, key, tier, user or LiteLLM provider; `*` for each on its own",
          required=True),
    Field("rpm", read.count, "Requests per minute", "int"),
    Field("tpm", read.count, "Tokens per minute", "int"),
    Field("rpd", read.count, "Requests per day", "int"),
    Field("tpd", read.count, "Tokens per day", "int"),
    Field("headroom", percent, "Percent of these that stay unused", "int", 0),
    Field("budget_micros", read.budget, "US dollars per month", "price", option="budget"),
    Field("action", to_choice(*ACTIONS), "When it is reached: " + ", ".join(ACTIONS), default="wait"),
    Field("wait_s", read.number(0, 600), "Seconds to wait for room", "number", DEFAULT_WAIT_S, option="wait"),
    Field("backoff", to_choice("exponential", "fixed"), "How calls are held back after an upstream's 429"),
    Field("backoff_s", read.number(0.1, 300), "Seconds of it, the first time", "number", 1.0),
    Field("reset_zone", zone, "Time zone of days and months; default UTC"),
    Field("active", to_bool, "Whether it limits anything", "bool", True),
)
