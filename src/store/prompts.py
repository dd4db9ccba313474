"""ai_prompt_templates: every change is a new version; one version is active, one more may have a share."""

from dataclasses import dataclass, replace

import sqlalchemy as sa

from . import tables
from .rows import Repository, Row


@dataclass(frozen=True)
class Prompt(Row):
    """One version; ``share`` is the percent of requests of an A/B test that it gets beside the active one."""

    slug: str
    version: int = 1
    endpoint: str | None = None
    system_prompt: str | None = None
    user_template: str | None = None
    active: bool = True
    share: int | None = None


class Prompts(Repository[Prompt]):
    """The rows of ai_prompt_templates."""

    name, table, kind = "prompts", tables.prompts, Prompt
    links = {"endpoint": ("endpoint_id", tables.endpoints, "slug")}

    def versions(self, connection: sa.Connection, slug: str) -> tuple[Prompt, ...]:
        """Return the versions of ``slug``, oldest first."""
        return tuple(row for row in self.read(connection) if row.slug == slug)

    def write(self, connection: sa.Connection, row: Prompt) -> int:
        """Store one version; one that becomes active, or gets a share, takes that from the version that had it."""
        others = (self.table.c.slug == row.slug, self.table.c.version != row.version)
        if row.active:
            connection.execute(self.table.update().where(*others).values(active=False))
        if row.share is not None:
            connection.execute(self.table.update().where(*others).values(share=None))
        return super().write(connection, row)

    def add_version(self, connection: sa.Connection, row: Prompt) -> Prompt:
        """Store ``row`` as the next version of its slug and return it."""
        known = self.versions(connection, row.slug)
        added = replace(row, id=None, version=known[-1].version + 1 if known else 1)
        self.write(connection, added)
        return added

    def activate(self, connection: sa.Connection, row: Prompt) -> None:
        """Make ``row`` the active version; an A/B test of its slug ends."""
        connection.execute(self.table.update().where(self.table.c.slug == row.slug).values(share=None, active=False))
        self.write(connection, replace(row, active=True, share=None))
