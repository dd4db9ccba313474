"""How many connections each worker has, in memory that the parent and all workers share.

The kernel wakes every worker for a new connection and the first to come gets it; of 16 clients that arrive together one
of two workers gets twelve. So a worker that has more than another one gives that one a moment's start.
"""

import mmap

SLOTS = 64
_UNUSED = -1


class Share:
    """One worker's count; ``slot`` None where there was no place for it."""

    def __init__(self, counts: "memoryview[int]", free: list[int]) -> None:
        self._counts, self._free = counts, free
        self.slot = free.pop() if free else None

    def tell(self, connections: int) -> None:
        """Say how many connections this worker has; whoever never said so takes no part."""
        if self.slot is not None:
            self._counts[self.slot] = connections

    def leave(self) -> None:
        """Say that this worker accepts nothing more."""
        self.tell(_UNUSED)

    def give_back(self) -> None:
        """Let another worker have the place, in the parent, when this one has ended, however it did."""
        if self.slot is not None:
            self.leave()
            self._free.append(self.slot)
            self.slot = None

    @property
    def surplus(self) -> int:
        """Return how many connections more than the least busy worker this one has."""
        if self.slot is None or self._counts[self.slot] < 0:
            return 0
        return self._counts[self.slot] - min(count for count in self._counts if count >= 0)


class Shares:
    """All workers' counts; made by the parent before it forks."""

    def __init__(self, slots: int = SLOTS) -> None:
        self._counts: memoryview[int] = memoryview(mmap.mmap(-1, 4 * slots)).cast("i")
        self._free = list(range(slots))[::-1]
        for slot in range(slots):
            self._counts[slot] = _UNUSED

    def take(self) -> Share:
        """Return a share for a worker that is about to be forked."""
        return Share(self._counts, self._free)
