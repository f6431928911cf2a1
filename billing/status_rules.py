"""Which status a client may give a resource, and what becomes of it: the one table that the commands go by.

`docs/fhir/server-owned.md` shows it, and a test holds the page to it. POST and a PUT that creates are read at `NEW`, a
DELETE at `DELETED`; each alone or as an entry of a transaction, which is refused as a whole with any of its entries.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from ledger.errors import Category, Refusal, refuse

NEW = "(none)"
DELETED = "(deleted)"

# Statuses that only the ledger knows: that the journal has the payment, or had it and reversed it, or that the notice
# moved it to the bank.
POSTED = "active, posted"
REVERSED = "cancelled, reversed"
CLEARED = "active, cleared"


class StatusRefusal(NamedTuple):
    """A refusal; where `when` says something, the command refuses in that case only."""

    category: Category
    code: str
    message: str
    when: str = ""

    def at(self, expression: str) -> Refusal:
        return refuse(self.category, self.code, self.message, expression)


class StatusRule(NamedTuple):
    """From any of the statuses `before` to any of `sent`."""

    before: tuple[str, ...]
    sent: tuple[str, ...]
    effect: str
    refusal: StatusRefusal | None = None


@cache
def rule_for(resource_type: str, before: str, sent: str) -> StatusRule:
    return next(rule for rule in STATUS_RULES[resource_type] if before in rule.before and sent in rule.sent)


def deletion_refused(resource_type: str) -> StatusRefusal:
    """The refusal of the deletion of what the journal knows, the same for every status."""
    refusals = {rule.refusal for rule in STATUS_RULES[resource_type] if DELETED in rule.sent}
    (refusal,) = refusals
    assert refusal is not None
    return refusal


def _conflict(code: str, message: str, when: str = "") -> StatusRefusal:
    return StatusRefusal(Category.CONFLICT, code, message, when)


def _broken(code: str, message: str, when: str = "") -> StatusRefusal:
    return StatusRefusal(Category.RULE_BROKEN, code, message, when)


ERROR = "entered-in-error"
_FINAL = _conflict("invalid-state", "entered-in-error is final; send another resource.")
_JOURNAL = "it has postings"
_DELETED = "deleted; its versions stay"
_DELETE_POSTED = _conflict(
    "posted", "It is in the journal and stays; cancel, credit or reverse it instead.", "it was ever posted"
)

_ACCOUNT_OPEN = ("active", "inactive", "on-hold", "unknown")
_CHARGE_UNPOSTED = ("planned", "not-billable", "unknown", "aborted")
_CHARGE_OPEN = (*_CHARGE_UNPOSTED, "billable")
_PAYMENT_UNPOSTED = ("active", "cancelled", "draft")

_BILLED_BY_ISSUE = _broken("server-owned", "A charge is billed when its invoice is issued; send it as billable.")
_CHARGE_BILLED = "The charge is on an issued invoice; cancel or credit the invoice instead."
_BALANCED_BY_PAYMENT = _broken(
    "server-owned", "An invoice is balanced when it is settled; post the payments instead of the status."
)
_INVOICE_IMMUTABLE = _broken(
    "invoice-immutable", "The invoice is frozen; cancel or credit it instead.", "anything else changes"
)

_NOTICE_CLEARED = _conflict(
    "posted", "The notice cleared its payment; cancel it, then send another.", "its payment or amount changes"
)

_SUBSCRIBED = ("requested", "active", "error", "off")
_FAILED_BY_DELIVERY = _broken("server-owned", "The server says when deliveries fail; send requested to start it again.")

STATUS_RULES: dict[str, tuple[StatusRule, ...]] = {
    "Account": (
        StatusRule((NEW,), (*_ACCOUNT_OPEN, ERROR), "opened; new charges are taken while it is active"),
        StatusRule(_ACCOUNT_OPEN, _ACCOUNT_OPEN, "kept; new charges are taken while it is active"),
        StatusRule(
            _ACCOUNT_OPEN,
            (ERROR,),
            "kept",
            _conflict("posted", "The account has postings and cannot be an error; set it inactive.", _JOURNAL),
        ),
        StatusRule((ERROR,), (ERROR,), "kept"),
        StatusRule((ERROR,), _ACCOUNT_OPEN, "", _FINAL),
        StatusRule((*_ACCOUNT_OPEN, ERROR), (DELETED,), _DELETED, _DELETE_POSTED),
    ),
    "ChargeItem": (
        StatusRule((NEW,), (*_CHARGE_UNPOSTED, ERROR), "kept; posts nothing"),
        StatusRule((NEW,), ("billable",), "priced and posted; without price or account kept, and posts nothing"),
        StatusRule((NEW,), ("billed",), "", _BILLED_BY_ISSUE),
        StatusRule(_CHARGE_OPEN, (*_CHARGE_UNPOSTED, ERROR), "kept; what was posted is reversed"),
        StatusRule(
            _CHARGE_OPEN,
            ("billable",),
            "posted; another price, account, facility or day reverses what was posted and posts anew",
        ),
        StatusRule(_CHARGE_OPEN, ("billed",), "", _BILLED_BY_ISSUE),
        StatusRule(
            ("billed",),
            ("billed",),
            "kept",
            _conflict(
                "charge-billed",
                _CHARGE_BILLED,
                "its price, quantity, code, subject, account, facility or day changes",
            ),
        ),
        StatusRule(("billed",), (*_CHARGE_OPEN, ERROR), "", _conflict("charge-billed", _CHARGE_BILLED)),
        StatusRule((ERROR,), (ERROR,), "kept"),
        StatusRule((ERROR,), (*_CHARGE_OPEN, "billed"), "", _FINAL),
        StatusRule((*_CHARGE_OPEN, "billed", ERROR), (DELETED,), _DELETED, _DELETE_POSTED),
    ),
    "Invoice": (
        StatusRule((NEW,), ("draft",), "completed and kept; it holds its charges"),
        StatusRule((NEW,), ("issued",), "completed and issued at once, as `$issue` does"),
        StatusRule((NEW,), ("balanced",), "", _BALANCED_BY_PAYMENT),
        StatusRule((NEW,), ("cancelled", ERROR), "kept; books nothing and holds no charge"),
        StatusRule(("draft",), ("draft",), "completed and kept; it holds its charges"),
        StatusRule(("draft",), ("issued",), "the command `$issue`"),
        StatusRule(("draft",), ("balanced",), "", _BALANCED_BY_PAYMENT),
        StatusRule(("draft",), ("cancelled",), "the command `$cancel`: nothing is posted, its charges are free"),
        StatusRule(("draft",), (ERROR,), "kept; its charges are free"),
        StatusRule(
            ("issued",), ("issued",), "kept: notes, narrative, tags, identifiers of other systems", _INVOICE_IMMUTABLE
        ),
        StatusRule(
            ("balanced",),
            ("balanced",),
            "kept: notes, narrative, tags, identifiers of other systems",
            _INVOICE_IMMUTABLE,
        ),
        StatusRule(("issued",), ("balanced",), "", _BALANCED_BY_PAYMENT),
        StatusRule(
            ("balanced",),
            ("issued",),
            "",
            _conflict("stale", "The invoice was settled meanwhile; read it again and repeat the change."),
        ),
        StatusRule(
            ("issued", "balanced"),
            ("cancelled",),
            "the command `$cancel`: the issue is reversed exactly, its charges are billable again",
            _conflict(
                "invoice-settled",
                "Something is paid or credited on the invoice; credit it, or take the payments off first.",
                "anything is settled on it",
            ),
        ),
        StatusRule(
            ("issued", "balanced"),
            ("draft", ERROR),
            "",
            _conflict("invalid-state", "The invoice is issued; it can be cancelled or credited only."),
        ),
        StatusRule(("cancelled",), ("cancelled",), "kept: notes, narrative, tags", _INVOICE_IMMUTABLE),
        StatusRule((ERROR,), (ERROR,), "kept: notes, narrative, tags", _INVOICE_IMMUTABLE),
        StatusRule(
            ("cancelled",),
            ("draft", "issued", "balanced", ERROR),
            "",
            _conflict("invalid-state", "cancelled is final; draft another invoice."),
        ),
        StatusRule((ERROR,), ("draft", "issued", "balanced", "cancelled"), "", _FINAL),
        StatusRule(
            ("draft", "issued", "balanced", "cancelled", ERROR),
            (DELETED,),
            _DELETED,
            _conflict(
                "posted", "The invoice was issued and has its legal number; cancel or credit it.", "it was ever issued"
            ),
        ),
    ),
    "PaymentReconciliation": (
        StatusRule((NEW,), ("active",), "posted where the outcome is complete, partial or absent; else kept"),
        StatusRule((NEW,), ("cancelled", "draft", ERROR), "kept; posts nothing"),
        StatusRule(
            _PAYMENT_UNPOSTED, ("active",), "posted where the outcome is complete, partial or absent; else kept"
        ),
        StatusRule(_PAYMENT_UNPOSTED, ("cancelled", "draft", ERROR), "kept; posts nothing"),
        StatusRule(
            (POSTED,),
            ("active",),
            "kept: notes, narrative, tags, disposition, form code, identifiers",
            _broken(
                "payment-immutable", "The payment is posted; reverse it and post it again.", "anything else changes"
            ),
        ),
        StatusRule(
            (POSTED,),
            ("cancelled", "draft", ERROR),
            "",
            _conflict("posted", "The payment is posted; what was received is taken back by a reversal only."),
        ),
        StatusRule(
            (REVERSED,),
            ("cancelled",),
            "kept: notes, narrative, tags, disposition, form code, identifiers",
            _broken("payment-immutable", "The payment is reversed; post another.", "anything else changes"),
        ),
        StatusRule(
            (REVERSED,),
            ("active", "draft", ERROR),
            "",
            _conflict("posted", "The payment was reversed, and that is final; post another."),
        ),
        StatusRule((ERROR,), (ERROR,), "kept"),
        StatusRule((ERROR,), ("active", "cancelled", "draft"), "", _FINAL),
        StatusRule((*_PAYMENT_UNPOSTED, POSTED, REVERSED, ERROR), (DELETED,), _DELETED, _DELETE_POSTED),
    ),
    "PaymentNotice": (
        StatusRule(
            (NEW, *_PAYMENT_UNPOSTED),
            ("active",),
            "kept; with payment status cleared the payment moves from clearing to the bank",
            _broken(
                "nothing-to-clear",
                "The payment does not lie in clearing: it was cash, is not posted, or the bank has it already.",
                "it is cleared and the payment does not lie in clearing",
            ),
        ),
        StatusRule((NEW, *_PAYMENT_UNPOSTED), ("cancelled", "draft", ERROR), "kept; posts nothing"),
        StatusRule(
            (CLEARED,),
            ("active",),
            "kept; without payment status cleared the clearing is taken back",
            _NOTICE_CLEARED,
        ),
        StatusRule(
            (CLEARED,),
            ("cancelled", "draft", ERROR),
            "the clearing is taken back",
            _NOTICE_CLEARED,
        ),
        StatusRule((ERROR,), (ERROR,), "kept"),
        StatusRule((ERROR,), ("active", "cancelled", "draft"), "", _FINAL),
        StatusRule((*_PAYMENT_UNPOSTED, CLEARED, ERROR), (DELETED,), _DELETED, _DELETE_POSTED),
    ),
    "Subscription": (
        StatusRule(
            (NEW,),
            ("requested", "active"),
            "requested, until its endpoint has answered a handshake; by criteria or over a websocket active at once",
        ),
        StatusRule((NEW, *_SUBSCRIBED), ("off",), "kept; nothing is sent any more"),
        StatusRule(
            _SUBSCRIBED,
            ("requested",),
            "started again, as a new one is: what was not sent yet is sent then",
        ),
        StatusRule(
            ("requested", "active"),
            ("active",),
            "kept; started again where criteria, filters or the channel change",
        ),
        StatusRule(("error", "off"), ("active",), "started again, as by requested"),
        StatusRule(("error",), ("error",), "kept"),
        StatusRule((NEW, "requested", "active", "off"), ("error",), "", _FAILED_BY_DELIVERY),
        StatusRule((*_SUBSCRIBED,), (DELETED,), "deleted; its versions stay, its events go"),
    ),
}
