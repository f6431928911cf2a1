"""Validate what is charged for: by the code table, or by a terminology server, as the tenant sets it.

A server is never asked while a transaction is open. What it has said not long ago is known at once; for anything else
the transaction is given up, the server asked, and the transaction begun again with its answers (`CodesNotLookedUp`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from billing.context import Context
from billing.price_charge import codings_of_concept
from ledger.charge_code import LOCAL, OFF, SERVER, Verdicts, is_in_table
from ledger.charge_item import ChargeItem
from ledger.errors import Category, Problem, Refusal, refuse
from ledger.invoice import Invoice
from ledger.price_list import Coding
from mappers.residue import decode_residue
from storage import charge_codes
from storage.transaction import CodesNotLookedUp, Transaction

Placed = tuple[str, Coding]
"""A coding and where it stands, as FHIRPath."""


def ask_codes(tx: Transaction, context: Context, charges: Iterable[ChargeItem]) -> None:
    """Have the code table read for these charges on the way of the next question."""
    if context.tenant.setting("code_validation") == LOCAL:
        codes = [coding for charge in charges if charge.status == "billable" for _, coding in _placed(charge)]
        charge_codes.ask(tx, context.tenant.country, _validated(context, codes))


def ask_codes_of_documents(tx: Transaction, context: Context, documents: Iterable[dict[str, Any]]) -> None:
    """The same for a Bundle before any of it is read; and a server is asked for all of its codes at once."""
    mode = context.tenant.setting("code_validation")
    if mode == OFF:
        return
    codes = _validated(
        context,
        [
            coding
            for document in documents
            for concept in _concepts_charged_for(document)
            for coding in codings_of_concept(concept)
        ],
    )
    if mode == LOCAL:
        charge_codes.ask(tx, context.tenant.country, codes)
    else:
        _verdicts(tx, context, codes)


async def refuse_unknown_codes(tx: Transaction, context: Context, charge: ChargeItem, day: date) -> None:
    """Refuse a charge for what is not known on the day of the service."""
    if context.tenant.setting("code_validation") != OFF:
        await _refuse_unknown(tx, context, _placed(charge), day)


async def refuse_unknown_line_codes(tx: Transaction, context: Context, invoice: Invoice, day: date) -> None:
    """The same for the lines of an invoice that have no ChargeItem."""
    placed = [
        (f"Invoice.lineItem[{at}].chargeItemCodeableConcept.coding[{number}]", (coding["system"], coding["code"]))
        for at, line in enumerate(invoice.lines)
        if line.charge_item_id is None
        for number, coding in enumerate(_line_codings(line.residue))
        if coding.get("system") and coding.get("code")
    ]
    await _refuse_unknown(tx, context, placed, day)


async def _refuse_unknown(tx: Transaction, context: Context, placed: Sequence[Placed], day: date) -> None:
    mode = context.tenant.setting("code_validation")
    codes = set() if mode == OFF else _validated(context, [coding for _, coding in placed])
    if not codes:
        return
    if mode == SERVER:
        verdicts = _verdicts(tx, context, codes)
        _refuse_unanswered(context, verdicts)
    else:
        rows = await charge_codes.rows_for(tx, context.tenant.country, codes)
        verdicts = {coding: is_in_table(known, day) for coding, known in rows.items()}
    problems = [
        Problem(
            Category.RULE_BROKEN,
            "code-unknown",
            f"{coding[1]} is no valid code of {coding[0]}; correct it, or have it added.",
            place,
            "code-invalid",
        )
        for place, coding in placed
        if verdicts.get(coding) is False
    ]
    if problems:
        raise Refusal(problems)


def _verdicts(tx: Transaction, context: Context, codes: set[Coding]) -> Verdicts:
    """What the server says of codes; where that is not known yet, the transaction is given up to ask it."""
    terminology, value_set = context.terminology, context.tenant.setting("code_value_set")
    if terminology is None:
        return dict.fromkeys(codes)
    tx.code_verdicts |= terminology.known(value_set, codes - tx.code_verdicts.keys())
    if unknown := frozenset(codes - tx.code_verdicts.keys()):
        raise CodesNotLookedUp(unknown, lambda: terminology.look_up(value_set, unknown))
    return {coding: tx.code_verdicts[coding] for coding in codes}


def _refuse_unanswered(context: Context, verdicts: Verdicts) -> None:
    if context.tenant.setting("code_validation_failure") == "closed" and None in verdicts.values():
        raise refuse(
            Category.UNAVAILABLE,
            "terminology-unavailable",
            "The terminology server does not answer, and the codes of charges are to be validated; try again.",
        )


def _validated(context: Context, codes: Iterable[Coding]) -> set[Coding]:
    """Those of the systems that the tenant has validated: all, where it names none."""
    systems = context.tenant.setting("code_systems").split()
    return {coding for coding in codes if not systems or coding[0] in systems}


def _placed(charge: ChargeItem) -> list[Placed]:
    return [
        (f"ChargeItem.code.coding[{row.position[-1]}]", (row.system, row.value))
        for row in charge.indexed("code")
        if row.system and row.value
    ]


def _concepts_charged_for(document: dict[str, Any]) -> Iterator[Any]:
    if document.get("resourceType") == "ChargeItem" and document.get("status") == "billable":
        yield document.get("code")
    elif document.get("resourceType") == "Invoice" and document.get("status") == "issued":
        for line in document.get("lineItem", []):
            yield line.get("chargeItemCodeableConcept")


def _line_codings(residue: bytes) -> list[dict[str, Any]]:
    codings: list[dict[str, Any]] = decode_residue(residue).get("chargeItemCodeableConcept", {}).get("coding", [])
    return codings
