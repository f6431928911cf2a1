"""Charge codes: the code table of a tenant beside its country's, and what it has for the codes of a transaction.

Codes are asked for before they are needed, in one array statement that travels with the lock of the accounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from ledger.charge_code import ChargeCode
from ledger.price_list import Coding
from storage.pipeline import Row, Statement
from storage.transaction import Reader, Transaction

_COLUMNS = "c.system, c.code, c.display, c.valid_from, c.valid_to, c.country"
# OFFSET 0 has it done code by code on the key, as for prices.
_FOR_CODES = Statement(
    f"SELECT {_COLUMNS} FROM unnest($3::text[], $4::text[]) AS w(system, code)"
    " CROSS JOIN LATERAL (SELECT * FROM billing.charge_code WHERE tenant_id IN ($1, 'national')"
    " AND system = w.system AND code = w.code AND country IN ('', $2) OFFSET 0) AS c"
)
# In the order of the key: two imports cannot wait for one another.
_KEEP = Statement(
    "INSERT INTO billing.charge_code AS c"
    " (tenant_id, system, code, country, display, valid_from, valid_to, changed_at, changed_by)"
    " SELECT $1, w.system, w.code, w.country, w.display, w.valid_from, w.valid_to, $8::timestamptz, $9"
    " FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::date[], $7::date[])"
    " AS w(system, code, country, display, valid_from, valid_to)"
    " ORDER BY w.system, w.code, w.country"
    " ON CONFLICT (tenant_id, system, code, country) DO UPDATE SET display = excluded.display,"
    " valid_from = excluded.valid_from, valid_to = excluded.valid_to, changed_at = excluded.changed_at,"
    " changed_by = excluded.changed_by WHERE (c.display, c.valid_from, c.valid_to)"
    " IS DISTINCT FROM (excluded.display, excluded.valid_from, excluded.valid_to) RETURNING 1"
)
_PAGE = Statement(
    f"SELECT {_COLUMNS} FROM billing.charge_code AS c WHERE tenant_id = $1"
    " AND (c.system, c.code, c.country) > ($2, $3, $4) ORDER BY c.system, c.code, c.country LIMIT $5::int"
)

Key = tuple[str, str, str]
START: Key = ("", "", "")
_PAGE_SIZE = 5000


def key_of(code: ChargeCode) -> Key:
    """What pages are ordered by."""
    return code.system, code.code, code.country or ""


def ask(tx: Transaction, country: str, codes: Iterable[Coding]) -> None:
    """Have the rows of codes read on the way of the next question, where they are not known yet."""
    unknown = sorted(set(codes) - tx.known_codes.keys())
    if not unknown:
        return
    tx.known_codes |= {coding: [] for coding in unknown}
    systems, values = [system for system, _ in unknown], [code for _, code in unknown]
    tx.ask(partial(_take, tx.known_codes), _FOR_CODES, tx.tenant_id, country, systems, values)


async def rows_for(tx: Transaction, country: str, codes: Iterable[Coding]) -> dict[Coding, list[ChargeCode]]:
    """The rows of the tenant's own table and of its country's for each of these codes."""
    wanted = set(codes)
    ask(tx, country, wanted)
    if tx.has_questions:
        await tx.flush()
    return {coding: tx.known_codes[coding] for coding in wanted}


async def keep(tx: Transaction, codes: Sequence[ChargeCode]) -> int:
    """Add codes, or have them say what they say now; how many are new or changed."""
    if not codes:
        return 0
    now = await tx.read_clock()
    columns: list[list[object]] = [
        [each.system for each in codes],
        [each.code for each in codes],
        [each.country or "" for each in codes],
        [each.display for each in codes],
        [each.valid_from for each in codes],
        [each.valid_to for each in codes],
    ]
    return len(await tx.fetch(_KEEP, tx.tenant_id, *columns, now, tx.actor))


async def page(reader: Reader, tenant_id: str, *, after: Key = START, count: int) -> list[ChargeCode]:
    """Codes of the tenant's own table by system and code, from behind one."""
    return [_code(row) for row in await reader.read(tenant_id, _PAGE, tenant_id, *after, count)]


async def all_of(reader: Reader, tenant_id: str) -> list[ChargeCode]:
    """The whole table of a tenant."""
    found: list[ChargeCode] = []
    while True:
        more = await page(reader, tenant_id, after=key_of(found[-1]) if found else START, count=_PAGE_SIZE)
        found += more
        if len(more) < _PAGE_SIZE:
            return found


def _take(known: dict[Coding, list[ChargeCode]], rows: Sequence[Row]) -> None:
    for row in rows:
        code = _code(row)
        known[code.coding].append(code)


def _code(row: Row) -> ChargeCode:
    return ChargeCode(
        system=row[0], code=row[1], display=row[2], valid_from=row[3], valid_to=row[4], country=row[5] or None
    )
