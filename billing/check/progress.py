"""What a check tells of itself while it runs."""

from __future__ import annotations

from collections.abc import Sequence

from billing.check.finding import Finding
from storage.check_journal import Counts


class Progress:
    """Told of each tenant as it is begun, as it goes on and as it is done. This one keeps it to itself.

    A step is about as much work, whatever is looked at: some hundredths of a millisecond.
    """

    def begin(self, tenant_id: str, counts: Counts, steps: int) -> None:
        """A tenant is begun; `advance` will be told of so many steps in all, if nothing is amiss."""

    def look_at(self, what: str) -> None:
        """What is looked at from now on, in a word or two."""

    def advance(self, steps: int) -> None:
        """So many more steps are done."""

    def end(self, tenant_id: str, counts: Counts, findings: Sequence[Finding]) -> None:
        """A tenant is done, and these are its findings."""
