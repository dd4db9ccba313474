"""How much a gateway needs, from what was measured: memory in MiB, volumes in GiB."""

from ..config.settings import Settings

# In the container with LiteLLM 1.106, as proportional set size after 3,200 requests: 442 MiB with one worker, 560 with
# two, 793 with four; at rest 386, 458 and 601. One import of LiteLLM, shared, and what each worker adds to it.
_PARENT, _WORKER = 330, 130
# A reload runs the old and the new workers side by side while the old ones finish.
_GENERATIONS = 2
_BODIES = 8


def memory_request(workers: int) -> int:
    """Return the memory of a gateway at work."""
    return _rounded(_PARENT + _WORKER * workers)


def memory_limit(settings: Settings) -> int:
    """Return the memory that no healthy gateway exceeds: workers twice, and large bodies in all of them."""
    workers = settings.whole("WORKERS")
    return _rounded(_PARENT + workers * (_WORKER * _GENERATIONS + _BODIES * settings.whole("GATEWAY_MAX_BODY_MB")))


def volume(settings: Settings) -> int:
    """Return the size of a volume that holds the ledger at its largest, its journal and what workers spill."""
    kept = settings.whole("GATEWAY_LEDGER_MAX_MB") or 10_240
    return -(-(kept * 3 // 2 + settings.whole("GATEWAY_LEDGER_SPILL_MB") * settings.whole("WORKERS")) // 1_024) + 1


def _rounded(mebibytes: int) -> int:
    """Return the next multiple of 64."""
    return -(-mebibytes // 64) * 64
