"""Numbers and moments as people read them. Unknown is `-`, never 0."""

from datetime import datetime, timezone

from .html import Html, join, tag, text

UNKNOWN = "-"
_STEPS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**4, "k"))


def count(number: int | None) -> str:
    """Return a whole number with its thousands apart."""
    return UNKNOWN if number is None else f"{number:,}"


def short(number: int | None) -> Html:
    """Return a large number in three or four digits, and all of it when pointed at."""
    if number is None:
        return text(UNKNOWN)
    for least, unit in _STEPS:
        if number >= least:
            size = number / (1000 if unit == "k" else least)
            return tag("span", f"{size:.{max(0, 3 - len(str(int(size))))}f} {unit}", title=count(number))
    return text(count(number))


def percent(part: int, whole: int) -> str:
    """Return a share; a small one is not rounded to nothing, nor a large one to everything."""
    if not whole:
        return UNKNOWN
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "< 0.1 %"
    return "> 99.9 %" if 99.9 < share < 100 else f"{share:.1f}".removesuffix(".0") + " %"


def dollars(micros: int | None) -> str:
    """Return micro-dollars as US dollars, exactly."""
    if micros is None:
        return UNKNOWN
    whole, rest = divmod(micros, 1_000_000)
    return f"${whole:,}.{rest:06d}"


def money(micros: int | None) -> Html:
    """Return the same, from a dollar on with what is less than a cent smaller."""
    said = dollars(micros)
    return text(said) if micros is None or micros < 1_000_000 else join(said[:-4], tag("small", said[-4:]))


def milliseconds(number: int | None) -> str:
    """Return a duration in three digits or so."""
    if number is None:
        return UNKNOWN
    if number < 1000:
        return f"{number} ms"
    if number < 59_995:
        return f"{number / 1000:.{2 if number < 9_995 else 1}f} s"
    minutes, seconds = divmod(round(number / 1000), 60)
    return f"{minutes} min {seconds} s"


def moment(value: str | None, now: datetime) -> Html:
    """Return an ISO moment: the time alone for one of today, else with its day; all of it when pointed at."""
    if value is None:
        return text(UNKNOWN)
    at = datetime.fromisoformat(value).astimezone(timezone.utc)
    shown = f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%b %d, %H:%M:%S}"
    return tag("time", shown, datetime=value, title=f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} UTC")


def known(value: str | int | None) -> str:
    """Return a value as it is."""
    return UNKNOWN if value is None or value == "" else str(value)


def plural(number: int, noun: str) -> str:
    """Return `1 request`, `2 requests`."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"
