"""What the books must say, by arithmetic so simple that it can be believed: the ledger is compared with this model.

Written from the rules, not from the ledger: it imports nothing of ours. Amounts are integers in minor units, everything
is in dicts. A method does what the request of its name does, or raises `Refused` with the codes of all that is wrong
with it and leaves the model as it was. Balances are known twice: as sums of what was booked, and from what the
resources say.
"""

from tests.acceptance.reference.approvals import Approvals
from tests.acceptance.reference.books import BALANCES, Fields, Refused
from tests.acceptance.reference.gateway import Gateway
from tests.acceptance.reference.periods import Periods
from tests.acceptance.reference.plans import Plans

__all__ = ["BALANCES", "Fields", "ReferenceModel", "Refused"]


class ReferenceModel(Plans, Approvals, Gateway, Periods):
    """All that a tenant has, each sort of it in a file of `reference/`."""
