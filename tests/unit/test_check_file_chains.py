"""Fallbacks of a LiteLLM file: those that lead nowhere, back, or to a model that can do less."""

import pytest

from .checking_support import ENVIRON, findings, models, short

NAMES = ("gpt-5", "gpt-4", "gpt-4o", "text-embedding-3-small")
CASES = [
    ("fallbacks: [{gpt-5: [gpt-4o]}]", ["GW306"]),
    ("fallbacks: [{gpt-4: [gpt-4o]}]", []),
    ("fallbacks: [{gpt-5: [gpt-6o]}]", ["GW303"]),
    ("fallbacks: [{gpt-6: [gpt-4o]}]", ["GW303"]),
    ("fallbacks: [{openai/gpt-5: [gpt-5]}]", []),  # LiteLLM compares without the provider too
    ("fallbacks: [{gpt-4: [gpt-4]}]", ["GW304"]),
    ("fallbacks: [{gpt-4: [gpt-4o]}, {gpt-4o: [gpt-4]}]", ["GW304", "GW306", "GW307"]),
    ("fallbacks: [{gpt-4: [text-embedding-3-small]}]", ["GW309"]),
    ("fallbacks: [{gpt-4: gpt-4o}]", ["GW206"]),
    ("fallbacks: [gpt-4o]", ["GW206"]),
    ("fallbacks: [{gpt-4: [gpt-4o], gpt-5: [gpt-4o]}]", ["GW206"]),
    ("fallbacks: {gpt-4: [gpt-4o]}", ["GW102", "GW206"]),
    ("fallbacks: [{'*': [gpt-4o]}]", []),
    ("fallbacks: [{gpt-4: [{model: gpt-4o, temperature: 0}]}]", []),
    ("fallbacks: [{gpt-4: [{temperature: 0}]}]", ["GW206"]),
    ("fallbacks: []", []),
    ("fallbacks: [{}]", ["GW206"]),
    ("fallbacks: [{gpt-4: }]", ["GW206"]),
    ("fallbacks: [{gpt-4: []}]", []),
    ("fallbacks: [{gpt-4: [3]}]", ["GW303"]),
    ("fallbacks: [{gpt-4: [[gpt-5]]}]", ["GW206"]),
    ("fallbacks: [{gpt-4: [openai/gpt-5]}]", []),  # by the upstream's own name
    ("fallbacks: [{gpt-4: [azure/gpt-5]}]", ["GW303"]),
    ("fallbacks: [{gpt-9: [gpt-5, gpt-4o]}]", ["GW303"]),  # said once
    ("fallbacks: [{gpt-9: [gpt-5]}]\n  content_policy_fallbacks: [{gpt-9: [gpt-5]}]", ["GW303", "GW303"]),
    ("fallbacks: [{text-embedding-3-small: [gpt-4]}]", ["GW309"]),
    ("fallbacks: [{gpt-4: [gpt-5]}]\n  context_window_fallbacks: [{gpt-5: [gpt-4]}]", ["GW306"]),  # no circle
    ("context_window_fallbacks: [{gpt-4: [gpt-5]}, {gpt-5: [gpt-4]}]", ["GW304", "GW306"]),
    ("context_window_fallbacks: [{gpt-4: [gpt-4]}]", ["GW304"]),
    ("default_fallbacks: [gpt-4o]", []),
    ("default_fallbacks: [5]", ["GW102", "GW206"]),
    ("default_fallbacks: [gpt-40]", ["GW303"]),
    ("default_fallbacks: gpt-4o", ["GW102", "GW206"]),
    ("default_fallbacks: [[gpt-4o]]", ["GW102", "GW206"]),
    ("context_window_fallbacks: [{gpt-4: [gpt-5]}]", []),
    ("context_window_fallbacks: [{gpt-5: [gpt-4]}]", ["GW306"]),
    ("content_policy_fallbacks: [{gpt-4: [gpt-9]}]", ["GW303"]),
    ("model_group_alias: {best: gpt-5}\n  fallbacks: [{gpt-4: [best]}]", []),
    ("model_group_alias: {best: gpt-9}", ["GW303"]),
    ("model_group_alias: {best: {model: gpt-5, hidden: true}}", []),
    ("model_group_alias: {best: [gpt-5]}", ["GW206"]),
    ("model_group_alias: {best: {hidden: true}}", ["GW206"]),
    ("model_group_alias: {best: }", ["GW206"]),
    ("model_group_alias: [a]", ["GW102"]),
    ("model_group_alias: {gpt-4: gpt-5}", ["GW302"]),
    ("routing_groups: [{group_name: g, models: [gpt-5], routing_strategy: simple-shuffle}]\n"
     "  fallbacks: [{gpt-4: [g]}]", []),
]


@pytest.mark.parametrize(("line", "found"), CASES, ids=[line for line, _ in CASES])
def test_fallbacks(line: str, found: list[str]) -> None:
    text = models(*NAMES) + f"router_settings:\n  {line}\n"
    assert sorted(one.code for one in findings(text) if one.code != "GW704") == found


def test_a_misspelt_fallback_has_place_and_suggestion() -> None:
    text = models(*NAMES) + "router_settings:\n  fallbacks:\n  - gpt-4:\n    - gtp-4o\n"
    (found,) = [one for one in findings(text) if one.code != "GW704"]
    assert found.place.text() == "config.yaml:17:7: router_settings.fallbacks[0].gpt-4[0]"
    assert found.what == "'gpt-4' falls back to 'gtp-4o', which is no model of this file; did you mean gpt-4o?"
    assert found.repair == "gpt-4o"


def test_fallbacks_may_name_an_id_or_an_alias_of_litellm_settings() -> None:
    fallbacks = "router_settings:\n  fallbacks: [{gpt-4o: [other]}]\n"
    for more in ("  model_info: {id: other}\n", "litellm_settings:\n  model_alias_map: {other: gpt-5}\n"):
        assert short(models("gpt-4o", "gpt-5") + more + fallbacks) == []


def test_a_fallback_without_tools_is_said() -> None:
    names = ("gpt-4o", "gpt-3.5-turbo-instruct")
    text = models(*names) + "router_settings:\n  fallbacks: [{%s: [%s]}]\n" % names
    assert [one.code for one in findings(text) if one.code != "GW704"] == ["GW306", "GW307", "GW308"]


def test_fallbacks_may_name_what_a_wildcard_serves() -> None:
    text = ("model_list:\n- model_name: openai/*\n  litellm_params: {model: openai/*}\n"
            "router_settings:\n  fallbacks: [{openai/gpt-5: [openai/gpt-4o]}]\n")
    assert short(text) == []


def test_fallbacks_in_litellm_settings_count_unless_the_router_has_some() -> None:
    text = models(*NAMES) + "litellm_settings:\n  fallbacks: [{gpt-4: [gpt-9]}]\n"
    both = text + "router_settings:\n  fallbacks: [{gpt-4: [gpt-4o]}]\n"
    assert [one.code for one in findings(text) if one.code != "GW704"] == ["GW303"]
    assert [one.code for one in findings(both) if one.code != "GW704"] == ["GW115"]
    empty = text + "router_settings:\n  fallbacks: []\n"
    assert [one.code for one in findings(empty) if one.code != "GW704"] == ["GW303"]


def test_a_long_chain_of_models_is_walked() -> None:
    names = [f"m{number}" for number in range(1200)]
    text = models(*names) + "router_settings:\n  fallbacks:\n" + "".join(
        f"  - {first}: [{second}]\n" for first, second in zip(names, [*names[1:], names[0]]))
    assert {one.code for one in findings(text, ENVIRON)} == {"GW601", "GW304"}
