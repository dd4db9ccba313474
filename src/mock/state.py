"""What one running mock upstream knows: faults, records, the models it lists."""

from dataclasses import dataclass, field

from aiohttp import web

from .faults import FaultBook
from .recording import Recorder

LISTED = ("gpt-5", "deepseek-v3.2", "grok-code-fast-1", "glm-4.6")


@dataclass
class State:
    """``gap`` is the default number of seconds between chunks."""

    recorder: Recorder = field(default_factory=Recorder)
    faults: FaultBook = field(default_factory=FaultBook)
    models: list[str] = field(default_factory=lambda: list(LISTED))
    gap: float = 0.0
    stopping: bool = False


STATE = web.AppKey("state", State)
