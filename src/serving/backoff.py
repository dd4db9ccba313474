"""When a worker that died may be replaced: at once where it had served, ever later where it cannot boot."""

from dataclasses import dataclass

SETTLED_S = 5.0
LONGEST_S = 30.0
HOPELESS = 6


@dataclass
class Backoff:
    """Deaths in a row before or just after serving, for one configuration. Times are of the monotonic clock."""

    failures: int = 0
    retry_at: float = 0.0

    def died(self, now: float, served_s: float | None) -> None:
        """Count a death; ``served_s`` is how long the worker had served, None where it never did."""
        if served_s is not None and served_s > SETTLED_S:
            self.failures, self.retry_at = 0, 0.0
            return
        if now < self.retry_at:
            return  # another worker of the same attempt
        self.failures += 1
        self.retry_at = now + min(2.0**self.failures / 8, LONGEST_S)

    def due(self, now: float) -> bool:
        """Return whether the next attempt may be made."""
        return now >= self.retry_at

    @property
    def hopeless(self) -> bool:
        """Return whether so many attempts failed in a row that an outer supervisor should decide."""
        return self.failures >= HOPELESS
