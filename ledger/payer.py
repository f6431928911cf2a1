"""Who pays for a patient: an organization, known by a reference, by an identifier, or by both."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Payer(NamedTuple):
    """What a Reference says of a payer. `key` is how the journal names it: its reference, else its identifier."""

    reference: str | None
    system: str | None = None
    value: str | None = None

    @property
    def key(self) -> str:
        return self.reference or f"{self.system or ''}|{self.value or ''}"

    @property
    def is_known(self) -> bool:
        """Whether it says enough to be told from another: a name for display does not."""
        return bool(self.reference or self.value)


def same_as(payer: Payer, others: Iterable[Payer]) -> Payer | None:
    """Which of the others is the same payer: by its reference, else by its identifier."""
    candidates = list(others)
    by_reference = (other for other in candidates if payer.reference and other.reference == payer.reference)
    by_identifier = (
        other for other in candidates if payer.value and (other.system, other.value) == (payer.system, payer.value)
    )
    return next(by_reference, None) or next(by_identifier, None)
