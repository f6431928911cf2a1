"""What a check tells of itself while it runs."""

from __future__ import annotations

from storage.check_journal import Counts


class Progress:
    """Told of each tenant as it is begun, as it goes on and as it is done. This one keeps it to itself."""

    def begin(self, tenant_id: str, counts: Counts) -> None:
        """A tenant is begun; `advance` will be told of `counts.versions + counts.resources` steps in all."""

    def advance(self, steps: int) -> None:
        """So many more versions and resources are checked."""

    def end(self, tenant_id: str, counts: Counts, findings: int) -> None:
        """A tenant is done."""
