"""Less work for FastAPI at LiteLLM's 700 routes: what they share is read once, what is rarely used is built late.

FastAPI 0.165 builds a validator for every parameter and answer of every route at registration, and again when the
first request passes its router; most routes are closed here and never asked. It also reads the same dependencies, of
which LiteLLM hangs the same few on each route, for every one of them. Together that is an eighth of the time until a
gateway is ready.
A FastAPI that has other names in these places is left as it is.
"""

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import Any

_DEPENDENCIES, _FIELDS = "fastapi.dependencies.utils", "fastapi._compat.v2"
_READERS = ("get_typed_signature", "analyze_param", "get_dependant", "get_path_param_names")
_VALIDATOR = "_type_adapter"


def prepare() -> None:
    """Make FastAPI quick, from now on and in forked workers; doing it again changes nothing."""
    dependencies, fields = importlib.import_module(_DEPENDENCIES), importlib.import_module(_FIELDS)
    read_once(dependencies)
    build_late(getattr(fields, "ModelField", None))


def read_once(dependencies: Any) -> None:
    """Let the module read what routes share once: functions, their parameters, whole trees of dependencies.

    A route's own function is read by routing.py, which has its own name for it.
    """
    found = {name: getattr(dependencies, name, None) for name in _READERS}
    if not all(found.values()) or any(hasattr(read, "__wrapped__") for read in found.values()):
        return
    signature = dependencies.get_typed_signature = functools.cache(dependencies.get_typed_signature)
    dependencies.analyze_param = _parameters(dependencies.analyze_param)
    dependencies.get_dependant = _trees(dependencies.get_dependant, dependencies.get_path_param_names, signature)


def build_late(field: Any) -> None:
    """Let a field of a route get its validator when it is first used, or never."""
    build = getattr(field, "__post_init__", None)
    if build is None or hasattr(field, _VALIDATOR) or _VALIDATOR not in build.__code__.co_names:
        return

    def built(self: Any) -> Any:
        build(self)
        return vars(self)[_VALIDATOR]

    late = functools.cached_property(built)
    late.__set_name__(field, _VALIDATOR)
    setattr(field, _VALIDATOR, late)
    field.__post_init__ = _nothing


def _nothing(self: Any) -> None:
    """Stand in for the building at once."""


def _parameters(read: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``read`` with a memory; not for a parameter of the path, whose meaning depends on the route."""
    known: dict[tuple[str, int, int], tuple[Any, Any, Any]] = {}

    @functools.wraps(read)
    def once(*, param_name: str, annotation: Any, value: Any, path_param_names: set[str]) -> Any:
        if param_name in path_param_names:
            return read(param_name=param_name, annotation=annotation, value=value, path_param_names=path_param_names)
        key = (param_name, id(annotation), id(value))
        found = known.get(key)
        if found is None:
            details = read(param_name=param_name, annotation=annotation, value=value, path_param_names=path_param_names)
            found = known[key] = details, annotation, value  # kept, so that nothing else gets their ids
        return found[0]

    return once


def _trees(read: Callable[..., Any], path_names: Callable[[str], set[str]],
           signature: Callable[[Any], inspect.Signature]) -> Callable[..., Any]:
    """Return ``read`` with a memory for dependencies of which no parameter is one of the path."""
    known: dict[tuple[object, ...], tuple[Any, frozenset[str]]] = {}

    def names(tree: Any) -> frozenset[str]:
        return frozenset(signature(tree.call).parameters).union(*map(names, tree.dependencies))

    @functools.wraps(read)
    def once(*, path: str, call: Any, own_oauth_scopes: list[str] | None = None,
             parent_oauth_scopes: list[str] | None = None, **how: Any) -> Any:
        scopes = tuple(own_oauth_scopes or ()), tuple(parent_oauth_scopes or ())
        key = (id(call), scopes, *((name, id(value) if name == "concurrency" else value)
                                   for name, value in sorted(how.items())))
        found = known.get(key)
        if found is None or not found[1].isdisjoint(path_names(path)):
            tree = read(path=path, call=call, own_oauth_scopes=own_oauth_scopes,
                        parent_oauth_scopes=parent_oauth_scopes, **how)
            if found is not None or not (used := names(tree)).isdisjoint(path_names(path)):
                return tree
            found = known[key] = tree, used  # the tree keeps the function and so its id
        return found[0]

    return once
