"""What the details of a payment say of its allocations, adjusted as allocations are made and undone.

Allocations come to the end, so that the last is the latest; undone ones go from the end. What an account owns and is
not allocated is an advance to it, as far as the details say so.
"""

from __future__ import annotations

from datetime import date

from billing.payment_details import kind_of
from ledger.invoice_completion import shown
from ledger.payment_reconciliation import PaymentDetail, PaymentReconciliation
from mappers.extensions import PAYMENT_TYPE_SYSTEM

_PUT = ("payment", "adjustment")


def show_allocated(
    payment: PaymentReconciliation, invoice_id: str, amount_minor: int, *, account_id: str | None, on: date
) -> None:
    """Money went to an invoice; `account_id`: the account that owned it, None where a payer did."""
    _add(payment, "payment", f"Invoice/{invoice_id}", amount_minor, on)
    if account_id is not None:
        lacking = _lower(payment, ("advance",), f"Account/{account_id}", amount_minor)
        _lower(payment, ("advance",), f"Invoice/{invoice_id}", lacking)


def show_deallocated(
    payment: PaymentReconciliation, invoice_id: str, amount_minor: int, *, account_id: str | None, on: date
) -> None:
    """Money was taken from an invoice again; it is unapplied, and its owner's."""
    lacking = _lower(payment, _PUT, f"Invoice/{invoice_id}", amount_minor)
    assert not lacking, "what is undone was said"
    if account_id is not None:
        show_advance(payment, account_id, amount_minor, on=on)


def show_advance(payment: PaymentReconciliation, account_id: str, amount_minor: int, *, on: date) -> None:
    """Unapplied money became an account's."""
    request = f"Account/{account_id}"
    for detail in payment.details:
        if kind_of(detail) == "advance" and detail.request == request:
            detail.amount = shown((detail.amount.minor_units or 0) + amount_minor, _currency(payment))
            return
    _add(payment, "advance", request, amount_minor, on)


def hide_advance(payment: PaymentReconciliation, account_id: str, amount_minor: int) -> None:
    """Unapplied money is an account's no more."""
    _lower(payment, ("advance",), f"Account/{account_id}", amount_minor)


def _add(payment: PaymentReconciliation, kind: str, request: str, amount_minor: int, on: date) -> None:
    payment.details.append(
        PaymentDetail(
            type_system=PAYMENT_TYPE_SYSTEM,
            type_code=kind,
            request=request,
            date=on.isoformat(),
            amount=shown(amount_minor, _currency(payment)),
        )
    )


def _lower(payment: PaymentReconciliation, kinds: tuple[str, ...], request: str, amount_minor: int) -> int:
    """Take an amount off the positive details of some kinds about one thing, the last first; how much they lacked."""
    for detail in reversed(payment.details):
        said = detail.amount.minor_units or 0
        if detail.request == request and said > 0 and kind_of(detail) in kinds:
            taken = min(said, amount_minor)
            detail.amount = shown(said - taken, _currency(payment))
            amount_minor -= taken
    payment.details = [
        detail
        for detail in payment.details
        if detail.amount.minor_units or detail.request != request or kind_of(detail) not in kinds
    ]
    return amount_minor


def _currency(payment: PaymentReconciliation) -> str:
    assert payment.payment_amount.currency is not None
    return payment.payment_amount.currency
