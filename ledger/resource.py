"""What every stored resource has: its identity, the rows that own its repeating searchable values, and the residue."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


class IndexRow(NamedTuple):
    """One repeating value that a search parameter finds, and that the index table owns.

    `position` is where it stood: the indexes of the arrays on its path. `identifier[1]` has (1,),
    `participant[0].role.coding[2]` has (0, 2). `text` is what is said in words, in rows of their own.
    """

    parameter: str
    position: tuple[int, ...]
    system: str | None
    value: str | None
    text: str | None = None


@dataclass(slots=True, kw_only=True)
class Resource:
    """A resource as the ledger keeps it: typed columns (the fields of the subclasses), index rows and the residue.

    `residue` is the JSON text of all that no column and no index row owns; `{}` where there is nothing.
    `last_updated` and `version` are set by `billing.record_change` alone.
    """

    id: str
    version: int = 0
    last_updated: datetime | None = None
    source: str | None = None
    index: tuple[IndexRow, ...] = ()
    residue: bytes = field(default=b"{}", repr=False)

    def indexed(self, parameter: str) -> list[IndexRow]:
        return [row for row in self.index if row.parameter == parameter]


class DecimalMoney(NamedTuple):
    """A FHIR Money as it was written: minor units, the currency, and how many decimals were shown.

    Without a currency there are no minor units to speak of: then `minor_units` counts units of the last decimal shown.
    All three are None where the element is absent.
    """

    minor_units: int | None = None
    currency: str | None = None
    scale: int | None = None


NO_MONEY = DecimalMoney()
