"""FastAPI that works less at its routes answers as before; one with other names is left alone."""

import inspect
import json
import subprocess
import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from src.serving import quick_routes

# Every place a parameter may come from, shared by routes or not; asked rightly and wrongly.
APPLICATION = """
import json, sys
from typing import Annotated
from src.serving import quick_routes
if sys.argv[1] == "quick":
    quick_routes.prepare()
from fastapi import Body, Cookie, Depends, FastAPI, Form, Header, Path, Query
from fastapi.testclient import TestClient
from pydantic import AliasChoices, BaseModel

class Item(BaseModel):
    name: str
    count: int = 1

def who(key: Annotated[str, Header()], session: Annotated[int | None, Cookie()] = None, limit: int = 3) -> list:
    return [key, session, limit]

app = FastAPI()
Who = Annotated[list, Depends(who)]

@app.post("/items/{item_id}")
def put(item_id: int, item: Item, who: Who, tags: Annotated[list[str], Query()] = []) -> Item:
    return Item(name=f"{item.name} {item_id} {who} {tags}", count=item.count)

@app.post("/named/{name}")
def named(name: Annotated[str, Path(validation_alias=AliasChoices("name", "title"), max_length=3)], who: Who) -> list:
    return [name, *who]

@app.post("/titled/{title}")
def titled(name: Annotated[str, Path(validation_alias=AliasChoices("name", "title"), max_length=3)], who: Who) -> list:
    return [name, *who]

@app.post("/form")
def form(name: Annotated[str, Form(min_length=2)], who: Who, limit: int = 3) -> dict[str, int | str]:
    return {name: limit}

@app.post("/two")
def two(first: Annotated[Item, Body()], second: Annotated[Item, Body(embed=True)]) -> list[Item]:
    return [first, second]

@app.post("/wrong")
def wrong() -> Item:
    return {"count": 2}

client = TestClient(app, raise_server_exceptions=False)
KEY, ITEM = {"key": "k"}, {"name": "n"}
asked = [client.post(path, **rest) for path, rest in [
    ("/items/1", {"json": ITEM, "headers": KEY}), ("/items/one", {"json": {"count": "x"}}),
    ("/items/2?tags=a&tags=b&limit=9", {"json": ITEM, "headers": {**KEY, "cookie": "session=7"}}),
    ("/items/2?limit=many", {"json": ITEM, "headers": {**KEY, "cookie": "session=x"}}),
    ("/named/abc", {"headers": KEY}), ("/named/abcd", {"headers": KEY}), ("/titled/xyz", {"headers": KEY}),
    ("/titled/wxyz", {}), ("/form", {"data": {"name": "ab"}, "headers": KEY}),
    ("/form?limit=x", {"data": {"name": "a"}}), ("/wrong", {}),
    ("/two", {"json": {"first": ITEM, "second": ITEM}}), ("/two", {"json": {"first": ITEM, "second": 1}}),
]]
print(json.dumps([app.openapi(), [[answer.status_code, answer.text] for answer in asked]]))
"""


def test_requests_and_documentation_are_the_same() -> None:
    stock, quick = (subprocess.run([sys.executable, "-c", APPLICATION, variant], check=True, capture_output=True)
                    for variant in ("stock", "quick"))
    assert json.loads(quick.stdout) == json.loads(stock.stdout)
    statuses = [status for status, _ in json.loads(stock.stdout)[1]]
    assert statuses == [200, 422, 200, 422, 200, 422, 200, 422, 200, 422, 500, 200, 422]


class Readers(SimpleNamespace):
    """FastAPI's module as far as it matters here; ``read`` says what was asked of it."""

    def __init__(self) -> None:
        super().__init__(read=[], get_path_param_names=lambda path: {path.strip("/{}")} if "{" in path else set())
        self.get_typed_signature, self.analyze_param = self._signature, self._parameter
        self.get_dependant = self._tree

    def _signature(self, call: Any) -> inspect.Signature:
        self.read.append(call.__name__)
        return inspect.signature(call)

    def _parameter(self, *, param_name: str, annotation: Any, value: Any, path_param_names: set[str]) -> object:
        self.read.append(param_name)
        return object()

    def _tree(self, *, path: str, call: Any, **how: Any) -> SimpleNamespace:
        self.read.append(f"{call.__name__} {path}")
        return SimpleNamespace(call=call, how=how, dependencies=[])


def test_a_function_and_a_shared_parameter_are_read_once() -> None:
    module: Any = Readers()
    quick_routes.read_once(module)
    quick_routes.read_once(module)
    assert module.get_typed_signature(print) is module.get_typed_signature(print)
    shared = {"annotation": str, "value": None, "path_param_names": {"id"}}
    assert module.analyze_param(param_name="a", **shared) is module.analyze_param(param_name="a", **shared)
    assert module.analyze_param(param_name="id", **shared) is not module.analyze_param(param_name="id", **shared)
    assert module.read == ["print", "a", "id", "id"]


def dependency(key: str, limit: int = 3) -> None:
    """Something that routes share."""


@pytest.mark.parametrize(("first", "second", "shared"), [
    (("/a", {}), ("/b", {}), True), (("/a", {}), ("/{item}", {}), True), (("/{item}", {}), ("/b", {}), True),
    (("/a", {}), ("/{key}", {}), False), (("/{limit}", {}), ("/b", {}), False), (("/{key}", {}), ("/{key}", {}), False),
    (("/a", {"name": "x"}), ("/b", {"name": "x"}), True), (("/a", {"name": "x"}), ("/b", {"name": "y"}), False),
    (("/a", {"own_oauth_scopes": ["s"]}), ("/b", {}), False),
    (("/a", {"parent_oauth_scopes": ["s"]}), ("/b", {"own_oauth_scopes": ["s"]}), False),
    (("/a", {"use_cache": False}), ("/b", {"use_cache": True}), False),
])
def test_a_dependency_is_read_once_where_it_means_the_same(first: Any, second: Any, shared: bool) -> None:
    module: Any = Readers()
    quick_routes.read_once(module)
    trees = [module.get_dependant(path=path, call=dependency, **how) for path, how in (first, second)]
    assert (trees[0] is trees[1]) is shared
    assert len([name for name in module.read if " " in name]) == 2 - shared


@pytest.mark.parametrize("field", [None, object, SimpleNamespace(__post_init__=lambda self: None)])
def test_another_fastapi_is_left_as_it_is(field: Any) -> None:
    quick_routes.read_once(SimpleNamespace())
    before = getattr(field, "__post_init__", None)
    quick_routes.build_late(field)
    assert getattr(field, "__post_init__", None) is before


def test_a_validator_is_built_at_its_first_use() -> None:
    built: list[str] = []

    @dataclass
    class Field:
        name: str

        def __post_init__(self) -> None:
            built.append(self.name)
            self._type_adapter = f"validator of {self.name}"

    quick_routes.build_late(Field)
    quick_routes.build_late(Field)
    fields = [Field("a"), Field("b")]
    assert built == []
    assert [fields[1]._type_adapter, fields[1]._type_adapter, built] == ["validator of b", "validator of b", ["b"]]
