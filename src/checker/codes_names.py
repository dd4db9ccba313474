"""GW3xx: aliases, fallbacks and chains."""

from .codes_shape import error, warning

ROWS = (
    error("GW301", "an alias that several models have",
          "LiteLLM would spread the requests over all of them at random, so that every second answer comes from "
          "another model. Where that is meant, GATEWAY_LOAD_BALANCE names the alias.",
          "MODEL_A_ALIAS=best\nMODEL_B_ALIAS=best",
          "MODEL_A_ALIAS=best\nMODEL_B_ALIAS=best\nGATEWAY_LOAD_BALANCE=best"),
    error("GW302", "a name that is used for two things",
          "Keys are unique, and aliases of models and chains and names of endpoints share one namespace: a request "
          "could not tell which is meant.",
          "CHAIN_BEST_ALIAS=gpt-5\nMODEL_GPT5_ALIAS=gpt-5", "CHAIN_BEST_ALIAS=best\nMODEL_GPT5_ALIAS=gpt-5"),
    error("GW303", "a fallback or member that is no model",
          "LiteLLM skips a fallback that it does not know: the request fails although a fallback stands in the file.",
          "PROXY_MODEL_KEYS=gpt5,deepseek\nMODEL_GPT5_FALLBACKS=depseek",
          "PROXY_MODEL_KEYS=gpt5,deepseek\nMODEL_GPT5_FALLBACKS=deepseek"),
    error("GW304", "fallbacks that run in a circle",
          "A request that fails would come back to a model that has failed already, and cost time and money twice.",
          "MODEL_A_FALLBACKS=b\nMODEL_B_FALLBACKS=a", "MODEL_A_FALLBACKS=b"),
    error("GW305", "a model that stands twice in a chain",
          "The second try goes where the first one has just failed.",
          "CHAIN_BEST_MODELS=a,b,a", "CHAIN_BEST_MODELS=a,b"),
    warning("GW306", "a fallback with a smaller context window",
            "A long request that the first model would take is refused by the next one: the fallback fails just when "
            "it is needed.",
            "MODEL_GPT5_UPSTREAM_MODEL=gpt-5\nMODEL_GROK_UPSTREAM_MODEL=grok-3\nMODEL_GPT5_FALLBACKS=grok",
            "MODEL_GPT5_UPSTREAM_MODEL=gpt-5\nMODEL_GEMINI_UPSTREAM_MODEL=gemini/gemini-2.5-flash\n"
            "MODEL_GPT5_FALLBACKS=gemini"),
    warning("GW307", "a fallback without vision",
            "Requests with images fail at the next model, or it answers without having seen them.",
            "MODEL_GPT5_UPSTREAM_MODEL=gpt-5\nMODEL_GROK_UPSTREAM_MODEL=grok-3\nMODEL_GPT5_FALLBACKS=grok",
            "MODEL_GPT5_UPSTREAM_MODEL=gpt-5\nMODEL_GEMINI_UPSTREAM_MODEL=gemini/gemini-2.5-flash\n"
            "MODEL_GPT5_FALLBACKS=gemini"),
    warning("GW308", "a fallback without tools",
            "Requests with tools fail at the next model, or are answered in prose where the client expects a call.",
            "a model with tools that falls back to one without", "a model with tools that falls back to another one"),
    error("GW309", "a fallback of another mode",
          "A chat request cannot be answered by an embedding or image model: this fallback is a dead end.",
          "MODEL_EMBED_UPSTREAM_MODEL=text-embedding-3-small\nMODEL_EMBED_MODE=embedding\nMODEL_GPT5_FALLBACKS=embed",
          "MODEL_MINI_UPSTREAM_MODEL=gpt-5-mini\nMODEL_GPT5_FALLBACKS=mini"),
    warning("GW310", "a fallback to the same place",
            "The next model is the same one, at the same base, with the same key: what fails once fails twice.",
            "MODEL_A_UPSTREAM_MODEL=gpt-5\nMODEL_B_UPSTREAM_MODEL=gpt-5\nMODEL_A_FALLBACKS=b",
            "MODEL_A_UPSTREAM_MODEL=gpt-5\nMODEL_B_UPSTREAM_MODEL=deepseek-v3.2\nMODEL_A_FALLBACKS=b"),
    warning("GW311", "a chain of one model",
            "There is nothing to move on to: the chain is another name for its only member.",
            "CHAIN_BEST_MODELS=gpt5", "CHAIN_BEST_MODELS=gpt5,deepseek"),
    warning("GW312", "a chain of many calls",
            "Each try of each member is a call that may wait for its whole timeout and may cost money.",
            "CHAIN_BEST_MODELS=a,b\nMODEL_A_RETRIES=5\nMODEL_B_RETRIES=5",
            "CHAIN_BEST_MODELS=a,b\nMODEL_A_RETRIES=0\nMODEL_B_RETRIES=0"),
    error("GW317", "a wildcard on one side only",
          "A star stands for the model that the client asks for: it must be in the alias and in the upstream model, at "
          "the end of both, or every name would reach one model, or one name none.",
          "MODEL_XAI_UPSTREAM_MODEL=xai/*\nMODEL_XAI_ALIAS=grok",
          "MODEL_XAI_UPSTREAM_MODEL=xai/*\nMODEL_XAI_ALIAS=grok/*"),
    error("GW318", "a wildcard as fallback or member",
          "A request moves on to one model; a wildcard is many, and nothing says which. The model that is meant is "
          "declared by its own key, which may lie under the wildcard: exact aliases win.",
          "MODEL_XAI_UPSTREAM_MODEL=xai/*\nMODEL_GPT5_FALLBACKS=xai",
          "MODEL_GROK_UPSTREAM_MODEL=xai/grok-4\nMODEL_GPT5_FALLBACKS=grok"),
)
