"""What the trials of one rehearsal share: the client, the mock and its records, and whose deployment is where."""

import json
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from ..config.rendering import KEYLESS_VALUE
from ..mock.server import Fault, MockUpstream, Recorded
from .asking import Answer, Client
from .canaries import Canaries
from .judging import SWITCHED_OFF, Call
from .results import Check, judged
from .targets import Target, Upstreams

AT_ONCE = 8
_MARKER = re.compile(r"marker-[0-9a-f]+-\d+-end")
T = TypeVar("T")
R = TypeVar("R")


@dataclass
class Stage:
    """``tell`` hears each check as soon as it is known."""

    client: Client
    mock: MockUpstream
    upstreams: Upstreams
    canaries: Canaries
    tell: Callable[[Check], None]
    _read: int = 0
    _by_marker: dict[str, list[Recorded]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def records(self, marker: str) -> list[Recorded]:
        """Return what arrived at the mock for the request with this marker, in order."""
        with self._lock:
            while self._read < len(self.mock.requests):
                record = self.mock.requests[self._read]
                self._read += 1
                found = _MARKER.search(json.dumps(record.body))
                self._by_marker[found[0] if found else ""].append(record)
            return list(self._by_marker[marker])

    def seen(self, answer: Answer) -> list[Call]:
        """Return the upstream calls of one request, in order."""
        return [self._call(record) for record in self.records(answer.marker)]

    def _call(self, record: Recorded) -> Call:
        place = next((place for place in self.upstreams.keys if record.path.startswith(place)), "")
        key = self.upstreams.keys.get(place)
        return Call(self.upstreams.alias_at(record.path), record.key or "",
                    self.canaries.of(key) if key else KEYLESS_VALUE)

    def sent(self, marker: str) -> int:
        """Return how many chunks the mock has sent for the request with this marker."""
        records = self.records(marker)
        return records[-1].chunks_sent if records else 0

    @contextmanager
    def faults(self, faults: Iterable[tuple[str, Fault]]) -> Iterator[None]:
        """Make every deployment of these aliases fail for a while."""
        places = [(place, fault) for alias, fault in faults for place in self.upstreams.places.get(alias, ())]
        for place, fault in places:
            self.mock.faults[place] = fault
        try:
            yield
        finally:
            for place in dict.fromkeys(place for place, _ in places):
                del self.mock.faults[place]

    def each(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Do the same for several, some at a time; return the results in order."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(work, items))

    def judge(self, name: str, target: Target, answer: Answer, problems: list[str], seen: str, began: float) -> None:
        """Tell of one check; what a flag switches off is not rehearsed."""
        if answer.error_code == SWITCHED_OFF:
            self.tell(Check(name, target.alias, "skipped", "switched off by a flag of the registry"))
        else:
            self.tell(judged(name, target.alias, problems, seen, time.monotonic() - began))
