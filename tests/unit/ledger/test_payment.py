"""Money that comes in: which share of an invoice it pays, and the entries."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from ledger.chart import LedgerAccount
from ledger.payer import Payer, same_as
from ledger.payment import Owner, ShareOfInvoice, allocated_entry, cleared_entry, received_entry, spread

PATIENT = ShareOfInvoice(LedgerAccount.RECEIVABLE_PATIENT, None, 40)
INSURER = ShareOfInvoice(LedgerAccount.RECEIVABLE_PAYER, "Organization/insurer", 60)
FUND = ShareOfInvoice(LedgerAccount.RECEIVABLE_PAYER, "Organization/fund", 20)
ON = date(2026, 2, 1)


def test_patient_money_pays_the_patients_share_only() -> None:
    assert spread([PATIENT, INSURER], 100, payer=None) == [(PATIENT, 40)]


def test_a_payer_pays_its_own_share_first_and_then_the_patients() -> None:
    assert spread([PATIENT, FUND, INSURER], 100, payer="Organization/insurer") == [(INSURER, 60), (PATIENT, 40)]
    assert spread([PATIENT, FUND, INSURER], 50, payer="Organization/insurer") == [(INSURER, 50)]


def test_nothing_is_paid_of_what_is_not_owed() -> None:
    settled = ShareOfInvoice(LedgerAccount.RECEIVABLE_PATIENT, None, 0)
    over_credited = ShareOfInvoice(LedgerAccount.RECEIVABLE_PATIENT, None, -5)
    assert spread([settled, over_credited], 100, payer=None) == []


@given(st.integers(0, 200), st.lists(st.integers(-10, 100), max_size=5), st.booleans())
def test_what_is_spread_is_no_more_than_the_amount_nor_than_any_share(
    amount: int, owed: list[int], by_payer: bool
) -> None:
    shares = [
        ShareOfInvoice(LedgerAccount.RECEIVABLE_PAYER if at % 2 else LedgerAccount.RECEIVABLE_PATIENT,
                       f"payer {at}" if at % 2 else None, each)
        for at, each in enumerate(owed)
    ]  # fmt: skip
    parts = spread(shares, amount, payer="payer 1" if by_payer else None)
    assert sum(part for _, part in parts) <= amount
    assert all(0 < part <= share.amount_minor for share, part in parts)


def test_a_receipt_debits_what_holds_the_money_and_credits_each_owner() -> None:
    owned = [(Owner("a1"), 70), (Owner(None, "Organization/insurer"), 30)]
    entry = received_entry("p1", asset=LedgerAccount.CASH, drawer="main", owned=owned, currency="AFN", on=ON)
    assert [
        (line.ledger_account, line.amount_minor, line.account_id, line.payer, line.detail) for line in entry.postings
    ] == [
        (1010, 100, None, None, "main"),
        (2100, -70, "a1", None, None),
        (2110, -30, None, "Organization/insurer", None),
    ]


def test_an_allocation_takes_from_the_owner_and_settles_share_by_share() -> None:
    parts = [(INSURER, 60), (PATIENT, 10)]
    owner = Owner(None, "Organization/insurer")
    entry = allocated_entry("p1", "i1", "a1", parts, owner=owner, currency="AFN", on=ON)
    assert [(line.ledger_account, line.amount_minor) for line in entry.postings] == [
        (2110, 70),
        (1110, -60),
        (1100, -10),
    ]
    assert {line.payment_id for line in entry.postings} == {"p1"}


def test_clearing_moves_from_clearing_to_the_bank() -> None:
    entry = cleared_entry("n1", "p1", 100, "AFN", ON)
    assert [(line.ledger_account, line.amount_minor) for line in entry.postings] == [(1020, 100), (1030, -100)]


def test_payers_are_the_same_by_reference_else_by_identifier() -> None:
    by_reference, by_identifier = Payer("Organization/1"), Payer(None, "s", "7")
    both = Payer("Organization/2", "s", "7")
    assert same_as(both, [by_reference, by_identifier]) is by_identifier
    assert same_as(Payer("Organization/1", "s", "8"), [by_identifier, by_reference]) is by_reference
    assert same_as(Payer(None, None, "7"), [by_identifier]) is None
    assert same_as(Payer(None), [Payer(None)]) is None
    assert [each.key for each in (by_reference, by_identifier, both)] == ["Organization/1", "s|7", "Organization/2"]
