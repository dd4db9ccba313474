"""Everything that can be said of a plan before it is launched."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..config.notes import Note
from ..config.plan import LaunchPlan, Sources
from ..errors import Problem
from . import plan_chains, plan_environment, plan_limits, plan_models, plan_secrets
from .findings import Finding, in_order
from .plan_places import Places

# A problem that has no code of its own yet; a test holds that none of ours comes here.
UNNAMED = "GW102"


@dataclass(frozen=True)
class Subject:
    """What is checked. ``dotenv_text`` is what `.env` holds; ``unpriced`` the aliases that nobody has a price for.

    ``public_files`` are files with keys and the permissions that others have on them, ``committed_files`` those that
    git would commit. ``extra`` are problems that were found before there was a plan.
    """

    plan: LaunchPlan
    sources: Sources
    dotenv_text: str = ""
    unpriced: tuple[str, ...] = ()
    public_files: tuple[str, ...] = ()
    committed_files: tuple[str, ...] = ()
    extra: tuple[Problem, ...] = ()


def check_plan(subject: Subject) -> list[Finding]:
    """Return every finding, by place; nothing is raised."""
    plan, env = subject.plan, subject.sources.env
    places = Places(env, subject.dotenv_text)
    found = [*_problems((*subject.extra, *plan.problems, *plan.launch_problems), places), *_notes(plan.notes, places)]
    found += plan_chains.findings(plan, places)
    found += plan_models.findings(plan, places)
    found += plan_limits.findings(plan, subject.unpriced, places)
    found += plan_secrets.findings(plan, subject.sources, places)
    found += plan_secrets.files(subject.public_files, subject.committed_files)
    found += plan_environment.findings(plan, subject.sources, places)
    return in_order(found)


def conditions(plan: LaunchPlan) -> tuple[str, ...]:
    """Return what a check without network cannot know."""
    settings = plan.settings
    found = [f"port {settings.whole('PORT')} is free on {settings.text('LITELLM_HOST')}",
             "the upstreams can be reached, know the models and accept the keys",
             "LiteLLM and the optional packages that it needs for these providers are installed"]
    if settings.text("GATEWAY_SSL_CERTFILE"):
        found.append("the TLS files hold a certificate and its key")
    if plan.database is not None:
        found.append("the database can be written")
    return tuple(found)


def _problems(problems: Iterable[Problem], places: Places) -> Iterator[Finding]:
    for problem in problems:
        code = problem.code or UNNAMED
        yield Finding(code, problem.what, places.of(problem.where, problem.what, code), problem.repair)


def _notes(notes: Iterable[str], places: Places) -> Iterator[Finding]:
    for note in notes:
        if isinstance(note, Note) and note.code:
            place = places.of(note.where, note, note.code)
            yield Finding(note.code, note.removeprefix("registry: "), place, note.repair)
