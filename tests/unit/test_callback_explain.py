"""What is told of a model's parameters is what the installed LiteLLM does with them."""

import pytest

from src.hooks.callback_explain import SAMPLES, explain


@pytest.mark.parametrize(("model", "accepts", "renames", "drops"), [
    ("openai/gpt-5", {"reasoning_effort", "seed", "top_k"}, {"max_tokens": "max_completion_tokens"},
     {"temperature", "stop", "thinking"}),
    ("openai/unheard-of", {"temperature", "max_tokens", "reasoning_effort"}, {}, {"user", "verbosity", "thinking"}),
    ("openai/gpt-4.1", {"temperature"}, {}, {"reasoning_effort", "verbosity"}),
    ("gemini/gemini-1.5-pro", {"temperature", "tools"}, {"n": "candidate_count", "stop": "stop_sequences"},
     {"logit_bias", "user", "reasoning_effort"}),
])
def test_a_model_accepts_renames_and_drops(model: str, accepts: set[str], renames: dict[str, str],
                                           drops: set[str]) -> None:
    found = explain(model)
    assert accepts <= set(found["accepts"])
    assert renames.items() <= found["renames"].items()
    assert drops <= set(found["drops"])


def test_every_parameter_is_in_exactly_one_list() -> None:
    found = explain("groq/llama-3.3-70b-versatile")
    assert sorted([*found["accepts"], *found["renames"], *found["drops"]]) == sorted(SAMPLES)


def test_a_provider_that_litellm_does_not_serve_is_an_error() -> None:
    with pytest.raises(ValueError, match="nobody"):
        explain("nobody/x")
