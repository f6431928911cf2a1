"""What the database's own guards refuse, said as a Refusal: constraint name -> category, code and sentence."""

from __future__ import annotations

import psycopg
from psycopg import errors

from ledger.errors import Category, Refusal, refuse

_OF_CONSTRAINT: dict[str, tuple[Category, str, str]] = {
    "invoiced_charge_pk": (
        Category.RULE_BROKEN,
        "charge-on-other-invoice",
        "A charge of this invoice is on another live invoice; cancel or credit that one first.",
    ),
    "planned_invoice_pk": (
        Category.RULE_BROKEN,
        "invoice-on-other-plan",
        "One of the invoices is on a payment plan already; cancel that one first.",
    ),
    "business_key_pk": (
        Category.CONFLICT,
        "business-key-taken",
        "An identifier that names one thing only is in use by another resource; read that one, or send another key.",
    ),
    "resource_versions_pk": (
        Category.CONFLICT,
        "changed-meanwhile",
        "Somebody else changed the resource at the same moment; read it again and repeat the change.",
    ),
    "account_balance_held_is_unapplied_check": (
        Category.RULE_BROKEN,
        "not-unapplied",
        "There is not that much unapplied money on the account.",
    ),
    # The ledger dates entries so that this never happens.
    "posting_in_open_period": (
        Category.CONFLICT,
        "period-closed",
        "The period was closed meanwhile; try again.",
    ),
    "invoice_not_over_settled_check": (
        Category.RULE_BROKEN,
        "over-allocated",
        "More would be settled than the invoice is about.",
    ),
}


def refusal_of(error: psycopg.Error) -> Refusal | None:
    """The refusal that a database error means to a client, None where it is a fault of ours."""
    name = error.diag.constraint_name or ""
    if name in _OF_CONSTRAINT:
        category, code, sentence = _OF_CONSTRAINT[name]
        return refuse(category, code, sentence)
    match error:
        case errors.UniqueViolation() if name.endswith("_pk"):
            return refuse(
                Category.CONFLICT,
                "changed-meanwhile",
                "Somebody else wrote the same thing at the same moment; read it again and repeat the change.",
            )
        case errors.ForeignKeyViolation():
            return _broken_reference(error)
        case errors.LockNotAvailable():
            return refuse(
                Category.CONFLICT,
                "IDEMPOTENCY_IN_FLIGHT",
                "The first request with this Idempotency-Key is still running; repeat it later.",
            )
        case errors.QueryCanceled():
            return refuse(
                Category.UNAVAILABLE,
                "took-too-long",
                "The request took longer than is allowed; narrow it down, or try again.",
                "",
                "too-costly",
            )
        case errors.ProgramLimitExceeded():
            return refuse(
                Category.RULE_BROKEN,
                "text-too-long",
                "A text that searches find (an identifier, code, reference or URI) is longer than about 2,000 bytes.",
                "",
                "too-long",
            )
        case errors.NumericValueOutOfRange():
            return refuse(Category.RULE_BROKEN, "amount-too-large", "A sum would leave the range of amounts.")
        case _:
            return None


def _broken_reference(error: psycopg.Error) -> Refusal:
    if "still referenced" in (error.diag.message_primary or "") or "update or delete" in (
        error.diag.message_primary or ""
    ):
        return refuse(
            Category.CONFLICT,
            "still-referenced",
            f"Other resources refer to this one ({error.diag.table_name}); change or delete them first.",
            "",
            "conflict",
        )
    return refuse(
        Category.RULE_BROKEN,
        "reference-not-found",
        f"A resource that this one refers to does not exist ({error.diag.constraint_name}).",
        "",
        "not-found",
    )
