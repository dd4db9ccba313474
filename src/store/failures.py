"""What can go wrong with a database, in words that never hold a password or a value."""

from ..errors import GatewayError


class StoreError(GatewayError):
    """The database cannot be used as it is; exit code 1."""


class StoreDown(StoreError):
    """The database cannot be reached, is locked, full or read-only: what failed now may work later."""


class NewerDatabase(StoreError):
    """The database belongs to a newer version of the gateway."""


class Conflict(StoreError):
    """A row would break a rule that the database holds: a name twice, or a row that others still need."""
