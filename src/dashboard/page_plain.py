"""Pages that say why there is nothing to see."""

from .html import Html, join, tag
from .layout import Frame, command, empty, page

RETRY_S = 5


def unknown_visitor(frame: Frame) -> Html:
    """Return the page of whoever has no token; it tells nothing of what is here."""
    return page(frame, "Token needed", empty(
        "This dashboard needs its token", "Open the address that was printed when it was started; it holds the token. "
        "A dashboard that was started again has a new one.", command("litellm-gateway dashboard --open")))


def not_found(frame: Frame) -> Html:
    """Return the page of a path that is none."""
    return page(frame, "Not found", empty("There is no such page", join("Back to the ", tag("a", "overview", href="/"),
                                                                        ".")), here="-")


def database_away(frame: Frame, what: str, repair: str) -> Html:
    """Return what is wrong with the database; the page asks again by itself."""
    return page(frame, "No answer from the database", empty(
        "The database cannot be read", what, repair,
        join("The gateway goes on meanwhile, and what it records waits in a file. This page tries again every "
             f"{RETRY_S} seconds.")), here="-", refresh=str(RETRY_S))


def broken(frame: Frame) -> Html:
    """Return what stands where this program itself failed."""
    return page(frame, "Error", empty("This page could not be made", "That is a fault of the dashboard; its log, on "
                                      "standard error, says more. The gateway is another process and goes on."),
                here="-")
