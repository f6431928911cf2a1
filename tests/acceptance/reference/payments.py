"""Money in the model: received, put to what is due, cleared by a notice."""

from __future__ import annotations

from datetime import date

from tests.acceptance.reference.allocations import Allocations
from tests.acceptance.reference.books import ASSETS, Fields, refuse_if
from tests.acceptance.reference.cash import MAIN

REMITTED = ("adjustment", "contractual", "patient-responsibility")


class _Put:
    """What a payment is put to: money (invoice, amount, payer), and what is said of shares (kind, invoice, amount,
    payer)."""

    def __init__(self) -> None:
        self.money: list[tuple[str, int, str | None]] = []
        self.said: list[tuple[str, str, int, str]] = []


class Payments(Allocations):
    def post_payment(self, payment_id: str, notice_id: str, where: str, fields: Fields) -> tuple[list[str], int | None]:
        """(the invoices of the answer, the change)."""
        resource_type, _, id_ = where.partition("/")
        amount, currency, payer = fields["amount"], fields["currency"], fields["payer"]
        account_id = id_
        if resource_type == "Invoice":
            refuse_if(not_found=id_ not in self.invoices)
            account_id = self.invoices[id_]["account"]
            refuse_if(invalid_state=account_id is None)
        refuse_if(not_found=account_id not in self.accounts)
        account = self.accounts[account_id]
        on = fields["on"] or self.today
        wanted = self._wanted(resource_type, id_, account_id, fields["invoices"])
        known = [self.invoices[invoice] for invoice in wanted if invoice in self.invoices]
        tendered = fields["tendered"]
        cash = self.in_coins(amount, currency) if fields["method"] == "cash" else amount
        refuse_if(
            invalid_state=account["status"] == "entered-in-error"
            or (resource_type == "Invoice" and self.invoices[id_]["status"] != "issued"),
            currency_mismatch=currency != account["currency"],
            amount_not_positive=amount <= 0,
            unknown_method=fields["method"] not in ASSETS,
            tendered_not_cash=tendered is not None and fields["method"] != "cash",
            tendered_too_little=tendered is not None and tendered < cash,
            date_in_future=on > self.today,
            reference_not_found=len(known) < len(wanted),
            invoice_other_account=any(invoice["account"] != account_id for invoice in known),
            invoice_not_issued=resource_type == "Account" and any(i["status"] != "issued" for i in known),
        )
        asset, drawer = ASSETS[fields["method"]], fields["drawer"]
        session = self.cash_session(asset, currency, drawer)
        self.move_cash(session, cash)
        owner = (2100, account_id) if payer is None else (2110, None)
        self.book(on, currency, (asset, amount, None), (owner[0], -amount, owner[1]), payment=payment_id)
        self.book(on, currency, (asset, cash - amount, None), (5900, amount - cash, None))
        left, paid = amount, []
        for invoice_id in wanted:
            part = self._pay_invoice(payment_id, invoice_id, left, payer, on)
            if part:
                paid.append(invoice_id)
                left -= part
        self.payments[payment_id] = {
            "fields": None,
            "account": account_id if payer is None else None,
            "amount": amount,
            "currency": currency,
            "posted": True,
            "asset": asset,
            "method": fields["method"],
            "in_clearing": amount if asset == 1030 else 0,
            "drawer": self.sessions[session]["drawer"] if session is not None else drawer or MAIN,
            "rounded": cash - amount,
            "rest": {account_id if payer is None else payer: left},
            "since": {account_id if payer is None else payer: self.counts_on(on)},
        }
        self.notices[notice_id] = {
            "payment": payment_id, "amount": amount, "currency": currency, "status": "active",
            "payment_status": "paid", "on": None, "moved": 0, "ever_posted": False, "fields": None,
        }  # fmt: skip
        answered = wanted if resource_type == "Invoice" or fields["invoices"] else paid
        return answered, None if tendered is None else tendered - cash

    def _wanted(self, resource_type: str, id_: str, account: str, invoices: list[str]) -> list[str]:
        if resource_type == "Invoice":
            return [id_]
        return list(dict.fromkeys(invoices)) or sorted(
            (
                i
                for i, invoice in self.invoices.items()
                if invoice["account"] == account and invoice["status"] == "issued"
            ),
            key=lambda i: (self.invoices[i]["due"], self.invoices[i]["on"], i),
        )

    def receive(self, id_: str, fields: Fields, *, one_time: bool) -> str:
        """A PaymentReconciliation as it is created; the id of an earlier one, where its identifier said the same."""
        posts = self.posts(fields)
        owner = self.receipts.get(fields["reference"]) if posts else None
        if owner is not None:
            refuse_if(business_key_conflict=owner[1] != fields)
            return owner[0]
        refuse_if(reference_not_found=self._pays_nowhere(fields))
        rest, put = self._receipt(fields, one_time=one_time) if posts else ({}, _Put())
        self._keep_payment(id_, fields, posts, rest, put)
        return id_

    def change_payment(self, id_: str, fields: Fields, *, one_time: bool) -> None:
        before = self.payments.get(id_)
        if before is None:
            self.receive(id_, fields, one_time=one_time)
            return
        assert before["fields"] is not None
        posts = self.posts(fields)
        if before["posted"]:
            said = {**fields, "note": "", "status": ""} != {**before["fields"], "note": "", "status": ""}
            refuse_if(
                payment_immutable=said,
                posted=fields["status"] != before["fields"]["status"],
                reference_not_found=self._pays_nowhere(fields),
            )
            if fields != before["fields"]:
                before["fields"] = fields
                if fields["reference"]:
                    self.receipts[fields["reference"]] = (id_, fields)
            return
        was = before["fields"]["status"]
        refuse_if(
            invalid_state=was == "entered-in-error" != fields["status"],
            reference_not_found=self._pays_nowhere(fields),
        )
        rest, put = self._receipt(fields, one_time=one_time) if posts else ({}, _Put())
        owner = self.receipts.get(fields["reference"]) if posts else None
        refuse_if(business_key_conflict=owner is not None and owner[0] != id_)
        self._keep_payment(id_, fields, posts, rest, put)

    def delete_payment(self, id_: str) -> None:
        if id_ not in self.payments:
            return
        refuse_if(
            posted=self.payments[id_]["posted"],
            still_referenced=any(notice["payment"] == id_ for notice in self.notices.values()),
        )
        del self.payments[id_]

    @staticmethod
    def posts(fields: Fields) -> bool:
        return fields["status"] == "active" and fields["outcome"] in (None, "complete", "partial")

    def _pays_nowhere(self, fields: Fields) -> bool:
        known = {"Invoice": self.invoices, "Account": self.accounts}
        named = [target.split("/") for _, target, _, _ in fields["details"] if target.split("/")[0] in known]
        return any(id_ not in known[type_] for type_, id_ in named) or (
            fields["account"] is not None and fields["account"] not in self.accounts
        )

    def _receipt(self, fields: Fields, *, one_time: bool) -> tuple[dict[str, int], _Put]:
        """(owner -> how much it owns before anything is allocated, what it is put to)."""
        amount, currency, payer = fields["amount"], fields["currency"], fields["issuer"]
        refuse_if(
            payment_not_identified=not one_time and not fields["reference"],
            reference_not_found=self._pays_nowhere(fields),
            date_in_future=date.fromisoformat(fields["on"]) > self.today,
            amount_not_positive=amount < 0 or (amount == 0 and not any(map(self._is_remitted, fields["details"]))),
            unknown_method=(fields["method"] or "bank-transfer") not in ASSETS,
        )
        owned: dict[str, int] = {}
        put = _Put()
        named = set()
        for kind, target, part, of in fields["details"]:
            target_type, target_id = target.split("/")
            if target_type not in ("Invoice", "Account"):
                continue
            invoice = self.invoices[target_id] if target_type == "Invoice" else None
            account_id = invoice["account"] if invoice else target_id
            is_remitted = self._is_remitted((kind, target, part, of))
            refuse_if(
                detail_type_unsupported=kind not in ("payment", "advance", *REMITTED)
                or (kind in REMITTED and invoice is None),
                payer_required=is_remitted and payer is None,
                account_in_error=invoice is None and self.accounts[account_id]["status"] == "entered-in-error",
                amount_not_positive=part == 0 or (part < 0 and not (is_remitted and kind == "adjustment")),
                currency_mismatch=of != currency
                or (invoice is None and self.accounts[account_id]["currency"] != currency)
                or (invoice is not None and bool(invoice["parts"]) and invoice["currency"] != currency),
                invoice_not_issued=invoice is not None and not invoice["parts"],
            )
            pays = invoice is not None and kind in ("payment", "adjustment") and part > 0
            owner = payer if payer is not None and (pays or is_remitted) else account_id
            named.add(account_id)
            if not is_remitted or kind == "adjustment":
                owned[owner] = owned.get(owner, 0) + part
            if pays:
                put.money.append((target_id, part, payer))
            elif is_remitted:
                put.said.append((kind, target_id, abs(part), payer))
        account = fields["account"]
        remainder = amount - sum(owned.values())
        refuse_if(
            over_allocated=remainder < 0 or self._is_too_much(put),
            currency_mismatch=account is not None and self.accounts[account]["currency"] != currency,
            unapplied_owner=remainder > 0 and payer is None and account is None and len(named) != 1,
            account_in_error=account is not None and self.accounts[account]["status"] == "entered-in-error",
        )
        if remainder:
            owner = payer or account or next(iter(named))
            owned[owner] = owned.get(owner, 0) + remainder
        refuse_if(over_allocated=any(part < 0 for part in owned.values()))
        self.cash_session(ASSETS[fields["method"] or "bank-transfer"], currency)
        put.said.sort(key=lambda each: each[0] != "adjustment")
        return {owner: part for owner, part in owned.items() if part}, put

    @staticmethod
    def _is_remitted(detail: tuple[str, str, int, str]) -> bool:
        """Whether a payer says something of its share with a detail, beside the money."""
        kind, target, part, _ = detail
        return target.startswith("Invoice/") and kind in REMITTED and not (kind == "adjustment" and part > 0)

    def _is_too_much(self, put: _Put) -> bool:
        """Whether anything that is said or put is more than there is, tried in the order in which it is booked."""
        ids = {each[0] for each in put.money} | {each[1] for each in put.said}
        tried = {id_: {**self.invoices[id_], "paid": dict(self.invoices[id_]["paid"])} for id_ in ids}
        for id_ in ids:
            tried[id_]["parts"] = dict(self.invoices[id_]["parts"])
        taken: dict[tuple[str, str], int] = {}
        for kind, id_, amount, payer in put.said:
            paid, parts = tried[id_]["paid"], tried[id_]["parts"]
            if kind == "adjustment":
                taken[id_, payer] = taken.get((id_, payer), 0) + amount
                if taken[id_, payer] > self._paid_of_share(id_, payer):
                    return True
                paid[payer] = paid.get(payer, 0) - amount
            elif amount > parts.get(payer, 0) - paid.get(payer, 0):
                return True
            elif kind == "contractual":
                paid[payer] = paid.get(payer, 0) + amount
            else:
                parts[payer] -= amount
                parts[None] = parts.get(None, 0) + amount
        return any(self._put_to(tried[id_], part, payer) != part for id_, part, payer in put.money)

    def _keep_payment(self, id_: str, fields: Fields, posts: bool, owned: dict[str, int], put: _Put) -> None:
        asset = ASSETS[fields["method"] or "bank-transfer"] if posts else 0
        session = self.cash_session(asset, fields["currency"])
        self.move_cash(session, fields["amount"])
        on = date.fromisoformat(fields["on"])
        rest = dict(owned)
        if posts:
            owners = [
                (2100, -amount, owner) if owner in self.accounts else (2110, -amount, None)
                for owner, amount in owned.items()
            ]
            self.book(on, fields["currency"], (asset, fields["amount"], None), *owners, payment=id_)
        since = {id_: self.invoices[id_].get("since", on) for _, id_, _, _ in put.said}
        for kind, invoice_id, amount, payer in put.said:
            self._remit(id_, kind, invoice_id, amount, payer, on)
            if kind == "adjustment":
                rest[payer] = rest.get(payer, 0) + amount
        for invoice_id, amount, of in put.money:
            # What the remittance itself opened again is as old as before, for the money that comes with it.
            after, self.invoices[invoice_id]["since"] = (
                self.invoices[invoice_id].get("since", on),
                since.get(invoice_id, self.invoices[invoice_id].get("since", on)),
            )
            self._pay_invoice(id_, invoice_id, amount, of, on)
            self.invoices[invoice_id]["since"] = after
            owner = of if of is not None else self.invoices[invoice_id]["account"]
            rest[owner] -= amount
        self.payments[id_] = {
            "fields": fields,
            "account": fields["account"],
            "amount": fields["amount"],
            "currency": fields["currency"],
            "posted": posts,
            "asset": asset,
            "method": fields["method"],
            "in_clearing": fields["amount"] if asset == 1030 else 0,
            "drawer": MAIN if session is None else self.sessions[session]["drawer"],
            "rounded": 0,
            "rest": rest,
            "since": dict.fromkeys(rest, self.counts_on(on)),
        }
        if posts and fields["reference"]:
            self.receipts[fields["reference"]] = (id_, fields)

    def note(self, id_: str, fields: Fields) -> None:
        """A PaymentNotice, created or changed; `fields`: payment, amount, currency, status, payment_status, on."""
        before = self.notices.get(id_)
        refuse_if(reference_not_found=fields["payment"] not in self.payments)
        payment = self.payments[fields["payment"]]
        clears = fields["status"] == "active" and fields["payment_status"] == "cleared"
        moved = before["moved"] if before else 0
        is_other = before is not None and any(
            fields[name] != before[name] for name in ("payment", "amount", "currency")
        )
        on = self._day(fields["on"]) or self.today
        refuse_if(
            invalid_state=(before is not None and before["status"] == "entered-in-error" != fields["status"])
            or (bool(moved) and not clears and before is not None and payment.get("reversed", False)),
            currency_mismatch=fields["currency"] != payment["currency"],
            amount_exceeds_payment=fields["amount"] > payment["amount"],
            posted=bool(moved) and is_other,
            nothing_to_clear=clears and not moved and not payment["in_clearing"],
            date_in_future=clears and not moved and on > self.today,
        )
        if moved and not clears and before is not None:
            of = self.payments[before["payment"]]
            self.book(self.today, of["currency"], (1030, moved, None), (1020, -moved, None))
            of["in_clearing"] = moved
            moved = 0
        elif clears and not moved:
            moved = payment["in_clearing"]
            self.book(on, payment["currency"], (1020, moved, None), (1030, -moved, None))
            payment["in_clearing"] = 0
        ever = bool(moved) or (before is not None and before["ever_posted"])
        self.notices[id_] = {**fields, "moved": moved, "ever_posted": ever, "fields": fields}

    def delete_notice(self, id_: str) -> None:
        if id_ in self.notices:
            refuse_if(posted=self.notices[id_]["ever_posted"])
            del self.notices[id_]
