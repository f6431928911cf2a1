-- An account with a million postings: its balance as of any day and moment, and its lines page by page.
--
-- One index has all that a sum needs, so that the table is not read for it, in the order in which lines are shown. It
-- replaces the one by ledger account: a posting is in as many indexes as before.

CREATE INDEX posting_account_idx ON billing.posting (tenant_id, account_id, effective_at, recorded_at, ledger_account) INCLUDE (amount_minor) WHERE account_id IS NOT NULL;
DROP INDEX billing.posting_tenant_id_account_id_ledger_account_effective_at_idx;

-- What is owed now, by due date: few invoices of an account are open, whatever it was billed in its life.
CREATE INDEX invoice_open_idx ON billing.invoice (tenant_id, account_id, due_date) INCLUDE (due_minor) WHERE due_minor > 0;

-- Few entries move something from one account to another.
CREATE INDEX journal_entry_transfer_idx ON billing.journal_entry (tenant_id, recorded_at, entry_id) WHERE kind = 'payment-transferred' OR (kind = 'charge-reversed' AND reason IS NOT NULL);
