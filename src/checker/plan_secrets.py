"""Keys that are weak or used for two things, and what looks like a key where everybody may read it."""

from collections.abc import Iterable, Iterator

from ..config import checks
from ..config.plan import LaunchPlan, Sources
from ..config.settings import BY_NAME
from .findings import Finding, Place
from .plan_places import Places
from .secrets import guessable
from .secrets_shapes import looks_like_key

_READ = ("MODEL_", "CHAIN_", "PROXY_", "GATEWAY_", "LITELLM_HOST")


def findings(plan: LaunchPlan, sources: Sources, places: Places) -> Iterator[Finding]:
    """Yield what is wrong with the keys of a plan; no finding holds a character of one."""
    yield from _master_key(plan, places)
    yield from _in_clear(plan, sources, places)


def _master_key(plan: LaunchPlan, places: Places) -> Iterator[Finding]:
    secret = plan.secrets[checks.MASTER_KEY]
    value = (secret.value or "").strip()
    if not value:
        return
    place = places.of(f"{secret.name}, {secret.where}", secret.name)
    if not checks.master_key(secret) and guessable(value):
        yield Finding("GW404", f"{secret.name} is easy to guess", place, checks.ANOTHER_KEY)
    for name, other in plan.secrets.items():
        if name != checks.MASTER_KEY and (other.value or "").strip() == value:
            yield Finding("GW405", f"{secret.name} and {name} are the same key", place, checks.ANOTHER_KEY)


def _in_clear(plan: LaunchPlan, sources: Sources, places: Places) -> Iterator[Finding]:
    """Look through every text that is shown somewhere: variables of ours that are not secret, and flags."""
    values = {(secret.value or "").strip() for secret in plan.secrets.values()}
    known = {value for value in values if len(value) >= checks.LONGER_THAN_WORDS}
    secret_names = {*plan.secrets, *(name for name, variable in BY_NAME.items() if variable.secret)}
    told = {problem.where.partition(",")[0] for problem in plan.problems if problem.code == "GW411"}
    for name, value in sources.env.values.items():
        ours = name.startswith(_READ) or name in BY_NAME
        hidden = name in secret_names or name.endswith(("_API_KEY", "_FILE"))
        if ours and not hidden and name not in told and _is_secret(value, known):
            yield Finding("GW412", f"{name} holds what looks like a key; this value is shown in logs and answers",
                          places.variable(name), "put the key into a variable of its own and name that in API_KEY_ENV")
    flags = {f"flag {BY_NAME[name].flag}": value for name, value in sources.flags.items()}
    texts = {"flag --model-spec": ",".join(sources.model_specs), "flag --alias": sources.alias or "",
             "flag --add-model-spec": ",".join(sources.add_model_specs), "flag --model": sources.model or "", **flags}
    for flag, value in texts.items():
        if _is_secret(value, known):
            yield Finding("GW412", f"{flag.removeprefix('flag ')} holds what looks like a key; every user of this "
                          "machine can see it", Place(name=flag), "name a variable that holds it: key_env=MY_KEY")


def _is_secret(text: str, known: Iterable[str]) -> bool:
    return looks_like_key(text) or any(value in text for value in known)


def files(public: Iterable[str], committed: Iterable[str]) -> Iterator[Finding]:
    """Yield what is wrong with files that hold keys."""
    for path in public:
        yield Finding("GW416", f"{path} can be read by other users of this machine", Place(path), f"chmod 600 {path}")
    for path in committed:
        yield Finding("GW417", f"{path} is not ignored by git", Place(path), f"echo {path} >> .gitignore")
