"""docs/accounting.md as it grows: each event is carried out, and the lines that it made are shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import pairwise
from textwrap import fill

from ledger.chart import LedgerAccount
from ledger.money import Money
from tests.integration.billing.hospital import Document, Hospital, Line, Result

HEAD = """\
# What happened in the books

The journal is double entry and append-only. Every entry balances to zero, is dated by an accounting date
(`effective_at`) and by the moment at which the ledger learnt of it (`recorded_at`), names who caused it, and is never
changed: what was wrong is taken back by an entry that reverses it exactly, once. Balances, statuses and the amounts
settled and due follow from the journal, and from nothing else.

Each event below is one that this release books, and every kind of entry is among them. The examples were carried out
to make this page: these are the lines that the journal has, in AFN, and a test holds the page to them.

Revenue is booked when a charge is captured, on the day of the service - or when it is billed, and deferred until then,
where the tenant's setting `recognition_point` [says so](#a-charge-is-captured-where-revenue-is-recognised-at-issue).
Issuing an invoice moves what is unbilled to what is billed, and owes the tax. Money is always received first, on
whoever's behalf, and then put to invoices.

Each entry counts on the day of the service, of the money or of the reversal - or, where that day is in a closed
[posting period](periods.md), on the first day that is open. Nothing is posted into a closed one, reversals included.
"""


@dataclass(slots=True)
class Page:
    """The page as it grows. `seen` is how much of the journal it has shown."""

    hospital: Hospital
    parts: list[str] = field(default_factory=lambda: [HEAD])
    seen: int = 0

    async def show(self, title: str, rule: str, example: str, command: Callable[[], Awaitable[Result]]) -> Result:
        """An event: the entry in general, an example in words, and the lines that it made."""
        await self._skip()
        done = await command()
        lines = (await self.hospital.journal())[self.seen :]
        self.parts.append(f"\n## {title}\n\n{fill(rule, 118)}\n\n{fill(f'Example: {example}', 118)}\n\n{_table(lines)}")
        await self._skip()
        return done

    async def _skip(self) -> None:
        self.seen = len(await self.hospital.journal())


async def end_of(page: Page, account: Document) -> str:
    """The trial balance of all examples, and the balance of their account."""
    sums: defaultdict[int, int] = defaultdict(int)
    for line in await page.hospital.journal():
        sums[line.account] += line.amount
    rows = "".join(_row(account_, "", amount) for account_, amount in sorted(sums.items()) if amount)
    sheet = await page.hospital.balance(account)
    amounts = {
        "unbilled": sheet.unbilled,
        "billed-patient": sheet.billed_patient,
        "billed-payer": sheet.billed_payer,
        "unapplied": sheet.unapplied,
        "total": sheet.total,
    }
    balance = "".join(f"| `{name}` | {amount.decimal():,} |\n" for name, amount in amounts.items())
    return (
        "\n## All of it together\n\nThe trial balance after all examples; it sums to"
        f" {Money('AFN', sum(sums.values())).decimal()}.\n\n{_HEADER}{rows}"
        "\n`$balance` of the account of the examples, which the deposit was not on:\n\n"
        f"| part | AFN |\n| --- | ---: |\n{balance}"
    )


_HEADER = "| account | about | debit | credit |\n| --- | --- | ---: | ---: |\n"
_ENTRY_HEADER = "| entry | account | about | debit | credit |\n| --- | --- | --- | ---: | ---: |\n"


def _table(lines: list[Line]) -> str:
    """The lines, each entry's kind beside its first."""
    kinds = ["", *(line.kind for line in lines)]
    first = [kind if kind != before else "" for before, kind in pairwise(kinds)]
    rows = (
        f"| {kind} {_row(line.account, _about(line), line.amount)}" for kind, line in zip(first, lines, strict=True)
    )
    return _ENTRY_HEADER + "".join(rows)


def _row(account: int, about: str, amount: int) -> str:
    shown = f"{Money('AFN', abs(amount)).decimal():,}"
    debit, credit = (shown, "") if amount > 0 else ("", shown)
    return f"| {account} {_name(account)} | {about} | {debit} | {credit} |\n"


def _name(account: int) -> str:
    return LedgerAccount(account).name.replace("_", " ").capitalize()


def _about(line: Line) -> str:
    if line.payer is not None:
        return line.payer
    named = {2200: f"tax code {line.detail}", 1010: f"drawer {line.detail}", 2400: f"for {line.detail}"}
    return named.get(line.account, "")
