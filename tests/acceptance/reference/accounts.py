"""Accounts in the model: opened, changed, deleted."""

from __future__ import annotations

from tests.acceptance.reference.books import Books, Fields, refuse_if


class Accounts(Books):
    def open_account(self, id_: str, fields: Fields) -> None:
        self.accounts[id_] = dict(fields)

    def change_account(self, id_: str, fields: Fields) -> None:
        if id_ not in self.accounts:
            return self.open_account(id_, fields)
        before = self.accounts[id_]
        is_error = fields["status"] == "entered-in-error"
        refuse_if(
            currency_fixed=fields["currency"] != before["currency"],
            invalid_state=before["status"] == "entered-in-error" and not is_error,
            posted=is_error and before["status"] != "entered-in-error" and self.is_posted_to(id_),
        )
        self.accounts[id_] = dict(fields)
        return None

    def delete_account(self, id_: str) -> None:
        if id_ not in self.accounts:
            return
        referring = [*self.charges.values(), *self.invoices.values()]
        refuse_if(
            posted=self.is_posted_to(id_),
            still_referenced=any(item["account"] == id_ for item in referring)
            or any(payment["account"] == id_ for payment in self.payments.values()),
        )
        del self.accounts[id_]
