"""The prices and rules of a version of a price list as CSV (RFC 4180, UTF-8, a header line), and back without loss.

One line a price or a rule, told apart by `kind`: price, factor, surcharge, discount, exemption. Columns may stand in
any order, and those that are not needed may be left out. Amounts are in whole units: 500.00.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation

from ledger.card_numbers import DIGITS_MIN, holds_card_number
from ledger.errors import Category, Problem, Refusal, invalid, rule_broken
from ledger.money import Money, minor_units_of
from ledger.price_list import RULE_KINDS, Price, PriceRule

COLUMNS = (
    *("kind", "id", "system", "code", "name", "currency", "amount", "unit", "tax_category", "tax_included"),
    *("percent", "modifier_system", "modifier"),
)
_REQUIRED = ("kind",)
_YES, _NO = ("yes", "true", "1"), ("", "no", "false", "0")

Line = dict[str, str]


def read_csv(text: str, advance: Callable[[int], None] | None = None) -> tuple[list[Price], list[PriceRule]]:
    """Prices and rules. Refused with `price-list-csv` for every line that cannot be read, with its number."""
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    prices: list[Price] = []
    rules: list[PriceRule] = []
    problems: list[Problem] = []
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        _refuse_header(header)
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            _refuse_card_number(cells, rows.line_num)
            try:
                _take(_line(header, cells), prices, rules)
            except (Refusal, ValueError) as error:
                why = error.problems[0].message if isinstance(error, Refusal) else str(error)
                problems.append(_problem(f"Line {rows.line_num}: {why}", rows.line_num))
            if advance is not None:
                advance(rows.line_num)
    except csv.Error as error:
        problems.append(_problem(f"Line {rows.line_num} is no CSV: {error}.", rows.line_num))
    if problems:
        raise Refusal(problems)
    return prices, rules


def write_csv(prices: Iterable[Price], rules: Iterable[PriceRule]) -> str:
    """What `read_csv` reads."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(_price_line(price) for price in prices)
    writer.writerows(_rule_line(rule) for rule in rules)
    return out.getvalue()


def _refuse_card_number(cells: list[str], number: int) -> None:
    if any(len(cell) >= DIGITS_MIN and holds_card_number(cell) for cell in cells):
        message = f"Line {number} holds a payment card number; none is kept."
        raise rule_broken("pan-detected", message, f"line {number}", "security")


def _refuse_header(header: list[str]) -> None:
    unknown = [name for name in header if name not in COLUMNS]
    missing = [name for name in _REQUIRED if name not in header]
    if unknown or missing or len(set(header)) != len(header):
        raise invalid("price-list-csv", f"The first line names the columns, each once; there are {', '.join(COLUMNS)}.")


def _line(header: list[str], cells: list[str]) -> Line:
    if len(cells) != len(header):
        raise ValueError(f"it has {len(cells)} cells, and the header has {len(header)}.")
    return dict.fromkeys(COLUMNS, "") | {name: cell.strip() for name, cell in zip(header, cells, strict=True)}


def _take(line: Line, prices: list[Price], rules: list[PriceRule]) -> None:
    kind = line["kind"].lower()
    if kind == "price":
        prices.append(_price(line))
    elif kind in RULE_KINDS:
        rules.append(_rule(line, kind))
    else:
        raise ValueError(f"kind is price, {', '.join(RULE_KINDS)}.")


def _price(line: Line) -> Price:
    _refuse_filled(line, "id", "percent", "modifier_system", "modifier")
    included = line["tax_included"].lower()
    if included not in (*_YES, *_NO):
        raise ValueError("tax_included is yes or no.")
    return Price(
        system=line["system"],
        code=line["code"],
        currency=line["currency"],
        amount_minor=minor_units_of(_decimal(line["amount"], "amount"), line["currency"]),
        unit=line["unit"],
        tax_category=line["tax_category"] or None,
        tax_included=included in _YES,
        name=line["name"] or None,
    )


def _rule(line: Line, kind: str) -> PriceRule:
    _refuse_filled(line, "unit", "tax_category", "tax_included")
    if bool(line["system"]) != bool(line["code"]):
        raise ValueError("send system and code, or neither.")
    amount, currency = line["amount"], line["currency"]
    return PriceRule(
        id=line["id"],
        kind=kind,
        percent=_decimal(line["percent"], "percent") if line["percent"] else None,
        amount_minor=minor_units_of(_decimal(amount, "amount"), currency) if amount else None,
        currency=currency or None,
        code=(line["system"], line["code"]) if line["code"] else None,
        modifier=line["modifier"] or None,
        modifier_system=line["modifier_system"] or None,
        name=line["name"] or None,
    )


def _refuse_filled(line: Line, *names: str) -> None:
    filled = [name for name in names if line[name]]
    if filled:
        raise ValueError(f"{', '.join(filled)} is not for a line of kind {line['kind']}.")


def _decimal(text: str, name: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{name} is a decimal such as 500.00.") from None
    if not value.is_finite() or len(text) > 40 or abs(value.adjusted()) > 40:
        raise ValueError(f"{name} is a decimal such as 500.00.")
    return value


def _problem(text: str, line: int) -> Problem:
    return Problem(Category.INVALID, "price-list-csv", text, f"line {line}")


def _price_line(price: Price) -> Line:
    return {
        "kind": "price",
        "system": price.system,
        "code": price.code,
        "name": price.name or "",
        "currency": price.currency,
        "amount": str(Money(price.currency, price.amount_minor).decimal()),
        "unit": price.unit,
        "tax_category": price.tax_category or "",
        "tax_included": "yes" if price.tax_included else "",
    }


def _rule_line(rule: PriceRule) -> Line:
    system, code = rule.code or ("", "")
    has_amount = rule.amount_minor is not None and rule.currency is not None
    return {
        "kind": rule.kind,
        "id": rule.id,
        "system": system,
        "code": code,
        "name": rule.name or "",
        "currency": rule.currency or "",
        "amount": str(Money(rule.currency or "", rule.amount_minor or 0).decimal()) if has_amount else "",
        "percent": "" if rule.percent is None else f"{rule.percent:f}",
        "modifier_system": rule.modifier_system or "",
        "modifier": rule.modifier or "",
    }
