"""Colours: only on a terminal, never where NO_COLOR is set, in any case where FORCE_COLOR is."""

import sys
from typing import Any

import click

from .context import Invocation


def styled(ctx_or_invocation: click.Context | Invocation, text: str, *, err: bool = False, **style: Any) -> str:
    """Return ``text`` in the colours of ``style`` where the output takes them, else as it is.

    ``style`` is `click.style`'s: ``fg="red"|"green"|"yellow"|"cyan"``, ``bold=True``, ``dim=True``. ``err`` says that
    the text goes to standard error. Colour must never be the only carrier of a meaning: keep the word beside it. Pad
    before styling, the codes have a width of their own: ``styled(ctx, "failed".ljust(8), fg="red")``. Print the result
    with `click.echo(text, err=err)`, which takes the codes out where a pipe follows.
    """
    invocation = ctx_or_invocation.find_root().obj if isinstance(ctx_or_invocation, click.Context) \
        else ctx_or_invocation
    return click.style(text, **style) if colours(invocation, err) else text


def colours(invocation: Invocation, err: bool = False) -> bool:
    """Tell whether standard output (``err``: standard error) gets colours; see no-color.org and force-color.org."""
    forced = wish(invocation)
    if forced is not None:
        return forced
    stream = sys.stderr if err else sys.stdout
    return invocation.environ.get("TERM") != "dumb" and stream.isatty()


def wish(invocation: Invocation) -> bool | None:
    """Return what the operator asked for by NO_COLOR (False, wins) or FORCE_COLOR (True), None where by neither."""
    if invocation.environ.get("NO_COLOR"):
        return False
    return True if invocation.environ.get("FORCE_COLOR") else None
