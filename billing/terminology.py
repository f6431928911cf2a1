"""The port to a terminology server: what billing asks of one, and what it is told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ledger.charge_code import Verdicts
from ledger.price_list import Coding


class Terminology(Protocol):
    """A terminology server. `value_set`: what codes must be in; '': any code of its system."""

    def known(self, value_set: str, codes: Iterable[Coding]) -> Verdicts:
        """What is known of these codes without asking."""
        ...

    async def look_up(self, value_set: str, codes: Iterable[Coding]) -> Verdicts:
        """What it says of each of these codes; None where it does not answer. Never called in a transaction."""
        ...
