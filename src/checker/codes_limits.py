"""GW6xx: limits, budgets and prices."""

from .codes_shape import error, warning

ROWS = (
    warning("GW601", "a model without a price",
            "Requests to it are recorded with unknown cost: reports leave them out, and budgets cannot count them.",
            "MODEL_OWN_UPSTREAM_MODEL=my-finetune",
            "MODEL_OWN_UPSTREAM_MODEL=my-finetune\nMODEL_OWN_INPUT_COST=1.25\nMODEL_OWN_OUTPUT_COST=10"),
    error("GW602", "a budget that cannot be counted",
          "A budget needs the price of every model that it covers; without one it would never be used up.",
          "a budget for a model without price", "MODEL_OWN_INPUT_COST=1.25\nMODEL_OWN_OUTPUT_COST=10"),
    warning("GW603", "limits that each worker counts alone",
            "Without a database nothing is shared between workers: with N of them, N times the limit goes through.",
            "WORKERS=4\nGATEWAY_DATABASE_URL=off\nMODEL_GPT5_RPM=60", "WORKERS=4\nMODEL_GPT5_RPM=60"),
    warning("GW604", "limits that open when the database is away",
            "GATEWAY_STORE_DOWN=allow counts per worker while the database does not answer: budgets may be overdrawn.",
            "a budget, and GATEWAY_STORE_DOWN=allow", "a budget, and GATEWAY_STORE_DOWN=deny"),
    warning("GW605", "daily limits that a restart forgets",
            "Without a database the counters are in the worker's memory: each start begins the day anew.",
            "GATEWAY_DATABASE_URL=off\nMODEL_GPT5_RPD=1500", "MODEL_GPT5_RPD=1500"),
    error("GW606", "an audit that nothing keeps",
          "Audit mode refuses what cannot be recorded. Without a database nothing is recorded and nothing refused.",
          "GATEWAY_LEDGER=audit\nGATEWAY_DATABASE_URL=off", "GATEWAY_LEDGER=audit"),
)
