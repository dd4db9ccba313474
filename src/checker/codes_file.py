"""GW2xx: the structure and the keys of a LiteLLM file."""

from .codes_shape import error, warning

ROWS = (
    warning("GW201", "a key that LiteLLM does not read",
            "LiteLLM passes over keys that it does not know, without a word: a misspelt one changes nothing.",
            "router_settings:\n  num_retrys: 2", "router_settings:\n  num_retries: 2"),
    error("GW202", "a key in the wrong block",
          "LiteLLM reads this key in another block and passes over it here.",
          "litellm_settings:\n  master_key: os.environ/LITELLM_MASTER_KEY",
          "general_settings:\n  master_key: os.environ/LITELLM_MASTER_KEY"),
    warning("GW203", "a key that would travel to the upstream",
            "LiteLLM sends what it does not know inside litellm_params to the upstream as a request parameter. Most "
            "upstreams refuse it with a 400.",
            "litellm_params:\n  model: openai/gpt-5\n  descripton: the best one",
            "litellm_params:\n  model: openai/gpt-5"),
    error("GW204", "a YAML key that stands twice",
          "The YAML reader keeps the last one and forgets the others without a word.",
          "model_list: [...]\nmodel_list: [...]", "model_list: [..., ...]"),
    error("GW205", "this is not YAML", "LiteLLM ends with a traceback.",
          "model_list:\n- model_name: 'gpt-5", "model_list:\n- model_name: gpt-5"),
    error("GW206", "a block of the wrong shape",
          "LiteLLM expects a mapping or a list here, and fails or reads nothing.",
          "model_list:\n  model_name: gpt-5", "model_list:\n- model_name: gpt-5"),
    error("GW207", "an entry lacks what it needs", "LiteLLM ends with the bare name of the missing key.",
          "- litellm_params:\n    model: openai/gpt-5",
          "- model_name: gpt-5\n  litellm_params:\n    model: openai/gpt-5"),
)
