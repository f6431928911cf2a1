"""Credit a charge: its line where it was issued, else it is taken back."""

from __future__ import annotations

from copy import deepcopy

from billing.change import Change
from billing.change_charge import change_charge
from billing.context import Context
from billing.credit_invoice import LineCredit, credit
from billing.locked_invoice import locked_invoice
from billing.touched_accounts import accounts_named_by
from ledger.charge_item import ChargeItem
from ledger.errors import conflict, not_found
from ledger.invoice_credit import numbers_of_lines
from mappers.residue import decode_residue, encode_residue
from storage import account_balances, account_lookups, invoiced_charges
from storage.resource_rows import lock_and_load
from storage.transaction import Transaction


async def credit_charge(tx: Transaction, context: Context, charge_id: str, *, reason: str) -> Change:
    """The credit note of a charge that was issued; else the charge, which is aborted."""
    charge = await _locked(tx, charge_id)
    if charge.status in ("aborted", "entered-in-error"):
        raise conflict("invalid-state", f"The charge is {charge.status} already.", "ChargeItem.status")
    if charge.status == "billed":
        invoice_id = (await invoiced_charges.holders(tx, [charge.id]))[charge.id]
        invoice, _ = await locked_invoice(tx, invoice_id)
        position = [line.charge_item_id for line in invoice.lines].index(charge.id)
        lines = [LineCredit(numbers_of_lines(invoice.lines)[position])]
        return (await credit(tx, context, invoice_id, reason=reason, lines=lines)).note
    aborted = deepcopy(charge)
    aborted.status = "aborted"
    residue = decode_residue(charge.residue)
    aborted.residue = encode_residue({**residue, "note": [*residue.get("note", []), {"text": reason}]})
    return await change_charge(tx, context, aborted, charge, reason=reason)


async def _locked(tx: Transaction, charge_id: str) -> ChargeItem:
    seen = await account_lookups.accounts_named_by(tx, {"ChargeItem": [charge_id]})
    if seen:
        await account_balances.lock(tx, seen["ChargeItem", charge_id])
        charge = (await lock_and_load(tx, "ChargeItem", [charge_id])).get(charge_id)
        if isinstance(charge, ChargeItem):
            # It may have moved to another account while its first one was waited for.
            await account_balances.lock(tx, accounts_named_by(charge))
            return charge
    raise not_found("not-found", f"There is no ChargeItem/{charge_id}.")
