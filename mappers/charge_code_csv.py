"""Charge codes as CSV (RFC 4180, UTF-8, a header line), and back without loss: one line a code.

Columns may stand in any order; display and the days may be left out.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import date

from ledger.card_numbers import DIGITS_MIN, holds_card_number
from ledger.charge_code import ChargeCode
from ledger.errors import Category, Problem, Refusal, invalid, rule_broken

COLUMNS = ("system", "code", "display", "valid_from", "valid_to")
_REQUIRED = ("system", "code")


def read_csv(text: str, country: str | None = None) -> list[ChargeCode]:
    """The codes, all for `country` where it is said. Refused with `charge-code-csv` for each line that is wrong."""
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    codes: list[ChargeCode] = []
    problems: list[Problem] = []
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        _refuse_header(header)
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            _refuse_card_number(cells, rows.line_num)
            try:
                codes.append(_code(header, cells, country))
            except ValueError as error:
                problems.append(_wrong(f"Line {rows.line_num}: {error}", rows.line_num))
    except csv.Error as error:
        problems.append(_wrong(f"Line {rows.line_num} is no CSV: {error}.", rows.line_num))
    if problems:
        raise Refusal(problems)
    return codes


def write_csv(codes: Iterable[ChargeCode]) -> str:
    """What `read_csv` reads."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(
        (each.system, each.code, each.display or "", each.valid_from or "", each.valid_to or "") for each in codes
    )
    return out.getvalue()


def _refuse_card_number(cells: list[str], number: int) -> None:
    if any(len(cell) >= DIGITS_MIN and holds_card_number(cell) for cell in cells):
        message = f"Line {number} holds a payment card number; none is kept."
        raise rule_broken("pan-detected", message, f"line {number}", "security")


def _refuse_header(header: list[str]) -> None:
    is_known = set(_REQUIRED) <= set(header) <= set(COLUMNS)
    if not is_known or len(set(header)) != len(header):
        raise invalid(
            "charge-code-csv", f"The first line names the columns, each once; there are {', '.join(COLUMNS)}."
        )


def _code(header: list[str], cells: list[str], country: str | None) -> ChargeCode:
    if len(cells) != len(header):
        raise ValueError(f"it has {len(cells)} cells, and the header has {len(header)}.")
    line = dict.fromkeys(COLUMNS, "") | {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    return ChargeCode(
        system=line["system"],
        code=line["code"],
        display=line["display"] or None,
        valid_from=_day(line, "valid_from"),
        valid_to=_day(line, "valid_to"),
        country=country,
    )


def _day(line: dict[str, str], name: str) -> date | None:
    text = line[name]
    if not text:
        return None
    try:
        if len(text) == len("2026-03-31"):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError(f"{name} is a day such as 2026-03-31.")


def _wrong(text: str, line: int) -> Problem:
    return Problem(Category.INVALID, "charge-code-csv", text, f"line {line}")
