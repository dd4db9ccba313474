"""GW7xx: models and their parameters."""

from .codes_shape import error, warning

ROWS = (
    error("GW701", "an effort that the model does not accept",
          "The upstream answers each request with a 400.",
          "MODEL_MINI_UPSTREAM_MODEL=grok-3-mini\nMODEL_MINI_REASONING_EFFORT=medium",
          "MODEL_MINI_UPSTREAM_MODEL=grok-3-mini\nMODEL_MINI_REASONING_EFFORT=low"),
    warning("GW702", "a global effort that is left out",
            "This model does not accept the level of REASONING_EFFORT: its requests go without one.",
            "REASONING_EFFORT=medium\nMODEL_MINI_UPSTREAM_MODEL=grok-3-mini",
            "REASONING_EFFORT=medium\nMODEL_MINI_REASONING_EFFORT=none"),
    warning("GW703", "a parameter that LiteLLM drops",
            "LiteLLM does not think that this model takes the parameter and removes it from every request.",
            "MODEL_FAST_UPSTREAM_MODEL=gpt-4.1\nMODEL_FAST_REASONING_EFFORT=low",
            "MODEL_FAST_UPSTREAM_MODEL=gpt-4.1\nMODEL_FAST_REASONING_EFFORT=none"),
    warning("GW704", "a model that its provider retires", "Requests fail from that day on.",
            "MODEL_FAST_UPSTREAM_MODEL=groq/mixtral-8x7b-32768",
            "MODEL_FAST_UPSTREAM_MODEL=groq/llama-3.3-70b-versatile"),
    warning("GW705", "a default that is never sent",
            "The parameter is declared and dropped at the same time.",
            "MODEL_GPT5_MAX_TOKENS=800\nMODEL_GPT5_DROP_PARAMS=max_tokens", "MODEL_GPT5_MAX_TOKENS=800"),
    error("GW706", "an unknown provider",
          "LiteLLM logs an error and leaves the model out: its alias is missing, and requests get a 404.",
          "model: gorq/llama-3.3-70b-versatile", "model: groq/llama-3.3-70b-versatile"),
    error("GW707", "a model without a provider",
          "LiteLLM cannot tell whom to ask: it logs an error and leaves the model out.",
          "model: my-finetune", "model: openai/my-finetune"),
    warning("GW708", "more tokens than the model can answer with", "The upstream answers each request with a 400.",
            "MODEL_FAST_UPSTREAM_MODEL=grok-code-fast-1\nMODEL_FAST_MAX_TOKENS=64000",
            "MODEL_FAST_UPSTREAM_MODEL=grok-code-fast-1\nMODEL_FAST_MAX_TOKENS=8000"),
    warning("GW709", "a parameter that is hardly one",
            "ALLOW_PARAMS and DROP_PARAMS take any name, because upstreams have parameters of their own. This one is a "
            "letter away from a parameter of OpenAI's API, and would let through or hold back nothing.",
            "MODEL_GPT5_DROP_PARAMS=temprature", "MODEL_GPT5_DROP_PARAMS=temperature"),
    warning("GW710", "a model of nobody at OpenAI",
            "What stands before the slash is no provider that is served natively, so the whole is the name of a model "
            "at OpenAI's own base, which has none of such a name: requests get a 404.",
            "MODEL_FAST_UPSTREAM_MODEL=gorq/llama-3.3-70b-versatile",
            "MODEL_FAST_UPSTREAM_MODEL=groq/llama-3.3-70b-versatile"),
)
