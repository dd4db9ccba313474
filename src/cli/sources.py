"""Root options and outside world become `Sources`: the only place where the CLI reads files for the plan."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..config.environment import SECRET_FILE_LIMIT, DotEnv, Environment, parse_dotenv
from ..config.plan import Sources
from ..config.settings import VARIABLES
from ..errors import ConfigurationError, Problem
from .context import Invocation

ENV_FILE = ".env"


def read_sources(invocation: Invocation, options: Mapping[str, Any]) -> Sources:
    """Return everything declared; raises ConfigurationError where the `.env` file cannot be read."""
    dotenv = read_dotenv(invocation, options)
    env = Environment(invocation.environ, dotenv, lambda path: read_secret_file(invocation.cwd / path))
    return Sources(env, tuple(options["model_specs"]), tuple(options["add_model_specs"]), options["alias"],
                   options["model"], flag_values(options))


def read_secret_file(path: Path) -> bytes:
    """Return what a key file holds, no more than a key can be long; raises OSError."""
    with path.open("rb") as file:
        return file.read(SECRET_FILE_LIMIT)


def flag_values(options: Mapping[str, Any]) -> dict[str, str]:
    """Return variable -> text for every option of the settings table that was given."""
    values = {}
    for variable in VARIABLES:
        given = options.get(variable.flag[2:].replace("-", "_")) if variable.flag else None
        if given is True:
            values[variable.name] = "true"
        elif isinstance(given, str):
            values[variable.name] = given
    return values


def env_file(invocation: Invocation, options: Mapping[str, Any]) -> Path | None:
    """Return the `.env` file to read: the named one, else `.env` of the working folder where it exists."""
    if options["no_env_file"]:
        return None
    if options["env_file"]:
        return Path(invocation.cwd, options["env_file"])
    path = invocation.cwd / ENV_FILE
    return path if os.path.lexists(path) else None


def read_dotenv(invocation: Invocation, options: Mapping[str, Any]) -> DotEnv:
    """Return the parsed `.env` file, an empty one where there is none."""
    if options["no_env_file"] and options["env_file"]:
        raise ConfigurationError([Problem("--env-file and --no-env-file contradict each other", "flags", "keep one",
                                          "GW108")])
    path = env_file(invocation, options)
    if path is None:
        return DotEnv()
    name = options["env_file"] or ENV_FILE
    try:
        return parse_dotenv(path.read_bytes(), name, invocation.environ)
    except OSError as error:
        raise ConfigurationError([Problem(f"{name} cannot be read: {error.strerror}", name,
                                          "make it a readable file, or use --no-env-file", "GW110")]) from None
