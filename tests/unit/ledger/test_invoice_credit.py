"""Credits by themselves: what a part of a line is, which shares it lowers, and how an amount is shared out."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.invoice import Invoice, InvoiceLine, PriceComponent
from ledger.invoice_credit import OwedShare, line_values, lowered_shares, numbers_of_lines, part_of
from ledger.invoice_issue import Shares
from ledger.invoice_totals import Sums, totals_of
from ledger.money import share_out
from ledger.resource import DecimalMoney

amounts = st.one_of(st.integers(0, 30), st.integers(0, 10**15))
weights = st.lists(amounts, min_size=1, max_size=6)


@given(weights, st.data())
def test_what_is_shared_out_sums_to_the_amount_and_no_part_shrinks_as_it_grows(
    shares: list[int], data: st.DataObject
) -> None:
    whole = sum(shares)
    less, more = sorted(data.draw(st.tuples(st.integers(0, whole), st.integers(0, whole))))
    before, after = share_out(less, shares), share_out(more, shares)
    assert (sum(before), sum(after)) == (less, more)
    assert all(0 <= first <= then <= most for first, then, most in zip(before, after, shares, strict=True))
    assert share_out(whole, shares) == shares


def test_an_amount_grows_unit_by_unit() -> None:
    # With the largest remainder the third part would shrink from 11 to 12: https://en.wikipedia.org/wiki/Apportionment_paradox
    shares = [6, 6, 2]
    grown = [share_out(amount, shares) for amount in range(15)]
    for first, then in pairwise(grown):
        assert sorted(b - a for a, b in zip(first, then, strict=True)) == [0, 0, 1]


lines = st.builds(
    lambda base, taxes: Sums(base=base, taxes={str(code): tax for code, tax in enumerate(taxes)}),
    amounts,
    st.lists(amounts, max_size=3),
)


@given(lines, st.lists(st.integers(1, 10**15), min_size=1, max_size=6), st.randoms())
def test_partial_credits_of_a_line_converge_in_whatever_order(value: Sums, parts: list[int], random: object) -> None:
    assume(value.gross > 0)
    parts = [part % value.gross + 1 for part in parts]
    while sum(parts) > value.gross:
        parts.pop()
    parts = parts or [value.gross]

    def credited(order: list[int]) -> Sums:
        whole, before = Sums(), 0
        for part in order:
            sums = part_of(value, before, part)
            assert sums.gross == part
            assert sums.base >= 0
            assert all(tax > 0 for tax in sums.taxes.values())
            whole.include(sums)
            before += part
        return whole

    shuffled = list(parts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert credited(parts) == credited(shuffled)
    rest = value.gross - sum(parts)
    whole = credited([*parts, *([rest] if rest else [])])
    assert whole == Sums(base=value.net, taxes={code: tax for code, tax in value.taxes.items() if tax})


def _component(kind: str, amount: int, code: str | None = None) -> PriceComponent:
    return PriceComponent(type=kind, code=code, amount=DecimalMoney(amount, "KWD", 3))


@given(
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 50)), min_size=1, max_size=5),
    st.integers(0, 500),
    st.integers(0, 500),
    st.integers(0, 500),
)
def test_lines_with_their_part_of_the_whole_come_to_the_totals(
    drawn: list[tuple[int, int, int]], surcharge: int, discount: int, tax: int
) -> None:
    invoice = Invoice(
        id="i",
        status="issued",
        lines=[
            InvoiceLine(
                components=[
                    _component("base", base + off),
                    _component("discount", -off),
                    _component("tax", of_line, "VAT"),
                ]
            )
            for base, off, of_line in drawn
        ],
        totals=[
            _component("surcharge", surcharge),
            _component("discount", discount, "loyal"),
            _component("tax", tax, "levy"),
        ],
    )
    whole = totals_of(invoice, "KWD").whole
    assume(whole.net >= 0)
    values = line_values(invoice, "KWD")
    summed = Sums()
    for value in values:
        assert value.net >= 0
        assert value.gross >= 0
        summed.include(value)
    assert summed == whole


def test_a_credit_lowers_what_is_open_first_and_the_patient_before_payers() -> None:
    owed = [OwedShare(None, 30, 10), OwedShare("first", 0, 40), OwedShare("second", 20, 0)]
    assert lowered_shares(owed, 20) == Shares(20, {"first": 0, "second": 0})
    assert lowered_shares(owed, 45) == Shares(30, {"first": 0, "second": 15})
    assert lowered_shares(owed, 75) == Shares(40, {"first": 15, "second": 20})
    assert lowered_shares(owed, 100) == Shares(40, {"first": 40, "second": 20})
    assert lowered_shares(owed, 101) is None


def test_lines_are_named_by_their_sequences_where_each_has_one_of_its_own() -> None:
    def numbers(*sequences: int | None) -> list[int]:
        return numbers_of_lines([InvoiceLine(sequence=sequence) for sequence in sequences])

    assert numbers(10, 20) == [10, 20]
    assert numbers(2, 1) == [2, 1]
    assert numbers(None, None) == [1, 2]
    assert numbers(2, None) == [1, 2]
    assert numbers(3, 3) == [1, 2]
