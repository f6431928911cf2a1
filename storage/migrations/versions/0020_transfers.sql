-- Transfers of money are entries of the kind money-transferred; the index said otherwise, and found those of charges only.

DROP INDEX billing.journal_entry_transfer_idx;
CREATE INDEX journal_entry_transfer_idx ON billing.journal_entry (tenant_id, recorded_at, entry_id) WHERE kind = 'money-transferred' OR (kind = 'charge-reversed' AND reason IS NOT NULL);
