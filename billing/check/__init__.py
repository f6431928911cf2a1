"""The proof of the books: one file per group of invariants, called by `billing.check_ledger`."""
