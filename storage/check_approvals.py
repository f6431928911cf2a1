"""What refunds and adjustments must have booked, hold and have been approved by, read for `./run check`."""

from __future__ import annotations

from storage.adjustments import STATUS as ADJUSTMENT_STATUS
from storage.check_snapshot import LIMIT, sql
from storage.refunds import STATUS as REFUND_STATUS

_REFUNDS = f"SELECT r.*, {REFUND_STATUS} AS status FROM billing.refund AS r WHERE r.tenant_id = $1"
_ADJUSTMENTS = f"SELECT r.*, {ADJUSTMENT_STATUS} AS status FROM billing.adjustment AS r WHERE r.tenant_id = $1"
_REQUESTED = (
    "tenant_id, id, amount_minor, requested_by, requested_at, approvals_needed, counted_minor, first_limit_minor,"
    " second_limit_minor, window_days, currency"
)
# Provisions and recoveries are nobody's to approve, and count towards nothing.
_REQUESTS = (
    f"SELECT 'refund' AS subject, {_REQUESTED}, coalesce(account_id, payer) AS owner, {REFUND_STATUS} AS status"
    " FROM billing.refund AS r WHERE r.tenant_id = $1"
    f" UNION ALL SELECT 'adjustment', {_REQUESTED}, account_id, {ADJUSTMENT_STATUS} FROM billing.adjustment AS r"
    " WHERE r.tenant_id = $1 AND r.type NOT IN ('provision', 'recovery')"
)

# place, what is held, what pending refunds hold, what is unapplied: of an account, or of a payer's money of a payment
HELD_WRONG = sql(
    f"WITH r AS ({_REFUNDS} AND {REFUND_STATUS} = 'pending-approval'),"
    " a AS (SELECT account_id, sum(amount_minor) AS held FROM r WHERE account_id IS NOT NULL GROUP BY account_id),"
    " p AS (SELECT payment_id, coalesce(account_id, '') AS account_id, coalesce(payer, '') AS payer,"
    " sum(amount_minor) AS held FROM r GROUP BY 1, 2, 3)"
    " SELECT 'Account/' || b.account_id, b.held, coalesce(a.held, 0), b.unapplied FROM billing.account_balance AS b"
    " LEFT JOIN a ON a.account_id = b.account_id"
    " WHERE b.tenant_id = $1 AND (b.held <> coalesce(a.held, 0) OR b.held > b.unapplied)"
    " UNION ALL SELECT 'PaymentReconciliation/' || p.payment_id, p.held, p.held, l.unapplied FROM p"
    " CROSS JOIN LATERAL (SELECT coalesce(-sum(o.amount_minor), 0) AS unapplied FROM billing.posting AS o"
    " WHERE o.tenant_id = $1 AND o.payment_id = p.payment_id AND o.ledger_account IN (2100, 2110)"
    " AND coalesce(o.account_id, '') = p.account_id AND coalesce(o.payer, '') = p.payer) AS l"
    f" WHERE p.held > l.unapplied ORDER BY 1{LIMIT}"
)

# subject, id, approvals that it has of others, that it needs by its limits
APPROVALS_LACKING = sql(
    f"WITH r AS ({_REQUESTS}), a AS (SELECT r.*, (SELECT count(DISTINCT d.decided_by) FROM billing.decision AS d"
    " WHERE d.tenant_id = r.tenant_id AND d.subject = r.subject AND d.subject_id = r.id AND d.decision = 'approved'"
    " AND d.decided_by <> r.requested_by) AS given,"
    " CASE WHEN r.counted_minor > greatest(r.first_limit_minor, r.second_limit_minor)"
    " AND r.second_limit_minor IS NOT NULL THEN 2"
    " WHEN r.counted_minor > r.first_limit_minor THEN 1 ELSE 0 END AS by_limits FROM r)"
    " SELECT a.subject, a.id, a.given, a.by_limits FROM a WHERE a.approvals_needed <> a.by_limits"
    f" OR (a.status NOT IN ('pending-approval', 'rejected') AND a.given < a.by_limits) ORDER BY 1, 2{LIMIT}"
)
# subject, id, who: it is approved by its requester, or by one person twice
APPROVER_WRONG = sql(
    f"WITH r AS ({_REQUESTS}) SELECT d.subject, d.subject_id, d.decided_by FROM billing.decision AS d"
    " JOIN r ON r.subject = d.subject AND r.id = d.subject_id WHERE d.tenant_id = $1 AND d.decision = 'approved'"
    " GROUP BY d.subject, d.subject_id, d.decided_by, r.requested_by"
    f" HAVING count(*) > 1 OR d.decided_by = r.requested_by ORDER BY 1, 2{LIMIT}"
)


def _counted(table: str, of_owner: str) -> str:
    """What each request of a table says was counted, and what its requester had requested by then, by an index."""
    return (
        f"SELECT '{table}', r.id, r.counted_minor, (SELECT sum(o.amount_minor) FROM billing.{table} AS o"
        f" WHERE o.tenant_id = r.tenant_id AND {of_owner} AND o.requested_by = r.requested_by"
        " AND o.currency = r.currency AND o.requested_at <= r.requested_at"
        " AND o.requested_at >= r.requested_at - make_interval(days => r.window_days)"
        f" AND NOT EXISTS (SELECT FROM billing.decision AS d WHERE d.tenant_id = o.tenant_id AND d.subject = '{table}'"
        " AND d.subject_id = o.id AND d.decision IN ('rejected', 'failed') AND d.decided_at < r.requested_at"
        f" AND o.id <> r.id)) FROM billing.{table} AS r WHERE r.tenant_id = $1"
    )


_COUNTS_NOT = "type NOT IN ('provision', 'recovery')"
# subject, id, what it says was counted, what it and what its requester had requested before come to
COUNTED_WRONG = sql(
    "SELECT * FROM ("
    + _counted("refund", "(o.account_id = r.account_id OR o.payer = r.payer)")
    + " UNION ALL "
    + _counted("adjustment", f"o.account_id = r.account_id AND o.{_COUNTS_NOT}")
    + f" AND r.{_COUNTS_NOT}) AS c(subject, id, said, counted) WHERE said <> counted ORDER BY 1, 2{LIMIT}"
)
# subject, id, number: a decision that does not follow from what was decided before, or is about nothing
DECISIONS_BROKEN = sql(
    f"WITH r AS ({_REQUESTS}), d AS (SELECT d.*, row_number() OVER w AS number, lag(d.status) OVER w AS before,"
    " count(*) FILTER (WHERE d.decision = 'approved') OVER w AS approvals FROM billing.decision AS d"
    " WHERE d.tenant_id = $1 WINDOW w AS (PARTITION BY d.subject, d.subject_id ORDER BY d.sequence))"
    " SELECT d.subject, d.subject_id, d.sequence FROM d"
    " LEFT JOIN r ON r.subject = d.subject AND r.id = d.subject_id WHERE r.id IS NULL OR d.sequence <> d.number"
    " OR d.decided_at < r.requested_at OR coalesce(d.before, CASE WHEN r.approvals_needed > 0 THEN 'pending-approval'"
    " WHEN d.subject = 'refund' THEN 'approved' ELSE 'applied' END)"
    " <> CASE WHEN d.decision IN ('approved', 'rejected') THEN 'pending-approval' ELSE 'approved' END"
    " OR d.status <> CASE WHEN d.decision <> 'approved' THEN d.decision"
    " WHEN d.approvals < r.approvals_needed THEN 'pending-approval'"
    f" WHEN d.subject = 'refund' THEN 'approved' ELSE 'applied' END ORDER BY 1, 2, 3{LIMIT}"
)

# payment, what it says is refunded, what its refunds come to that are owed back or paid
REFUNDED_DIFFERS = sql(
    f"WITH s AS (SELECT payment_id, sum(amount_minor) AS refunded FROM ({_REFUNDS}) AS r"
    " WHERE r.status IN ('approved', 'paid') GROUP BY payment_id)"
    " SELECT p.id, coalesce(p.refunded_minor, 0), coalesce(s.refunded, 0) FROM billing.payment_reconciliation AS p"
    " LEFT JOIN s ON s.payment_id = p.id WHERE p.tenant_id = $1"
    f" AND coalesce(p.refunded_minor, 0) <> coalesce(s.refunded, 0) ORDER BY 1{LIMIT}"
)


def _entries(source: str, kind: str) -> str:
    return (
        "(SELECT count(*) FROM billing.journal_entry AS e WHERE e.tenant_id = r.tenant_id"
        f" AND e.source_type = '{source}' AND e.source_id = r.id AND e.kind = '{kind}')"
    )


_OWNED = (
    "p.currency = r.currency AND p.account_id IS NOT DISTINCT FROM r.account_id"
    " AND p.payer IS NOT DISTINCT FROM r.payer AND p.payment_id = r.payment_id"
)

# refund, its status: it has not the entries of it, once each, or one of them does not say what it does
REFUND_BOOKING_WRONG = sql(
    f"WITH r AS ({_REFUNDS}) SELECT r.id, r.status FROM r WHERE"
    f" {_entries('Refund', 'refund-approved')} <> (r.status IN ('approved', 'paid', 'failed'))::int"
    f" OR {_entries('Refund', 'refund-paid')} <> (r.status = 'paid')::int"
    f" OR {_entries('Refund', 'refund-failed')} <> (r.status = 'failed')::int"
    " OR EXISTS (SELECT FROM billing.journal_entry AS e JOIN billing.posting AS p"
    " ON p.tenant_id = e.tenant_id AND p.entry_id = e.entry_id WHERE e.tenant_id = r.tenant_id"
    " AND e.source_type = 'Refund' AND e.source_id = r.id AND e.kind IN ('refund-approved', 'refund-paid')"
    " GROUP BY e.entry_id, e.kind HAVING count(*) <> 2"
    f" OR count(*) FILTER (WHERE {_OWNED} AND p.ledger_account = 2300"
    " AND p.amount_minor = CASE e.kind WHEN 'refund-paid' THEN r.amount_minor ELSE -r.amount_minor END) <> 1"
    " OR count(*) FILTER (WHERE p.currency = r.currency AND CASE e.kind WHEN 'refund-paid' THEN"
    " p.ledger_account IN (1010, 1020, 1030) AND p.amount_minor = -r.amount_minor"
    f" ELSE {_OWNED} AND p.amount_minor = r.amount_minor"
    f" AND p.ledger_account = CASE WHEN r.account_id IS NULL THEN 2110 ELSE 2100 END END) <> 1) ORDER BY 1{LIMIT}"
)

_OF_TYPE = "CASE r.type WHEN 'provision' THEN 'loss-provided' WHEN 'recovery' THEN 'debt-recovered' ELSE '{}' END"
# What an adjustment takes of an invoice by its entry.
_TAKEN = (
    "SELECT p.invoice_id, -sum(p.amount_minor) AS amount FROM billing.journal_entry AS e JOIN billing.posting AS p"
    " ON p.tenant_id = e.tenant_id AND p.entry_id = e.entry_id WHERE e.tenant_id = r.tenant_id"
    " AND e.source_type = 'Adjustment' AND e.source_id = r.id AND e.kind = 'adjustment-applied'"
    " AND p.ledger_account IN (1100, 1110) GROUP BY p.invoice_id"
)
# Postings that an entry of a type of adjustment may have: its ledger account, and the sign.
_LINES = (
    "(r.type = 'write-off' AND p.ledger_account IN (1190, 5100) AND p.amount_minor > 0"
    " OR r.type = 'contractual' AND p.ledger_account = 4100 AND p.amount_minor > 0"
    " OR r.type IN ('write-off', 'contractual') AND p.ledger_account IN (1100, 1110) AND p.amount_minor < 0"
    " AND NOT (r.type = 'contractual' AND p.ledger_account = 1100)"
    " OR r.type = 'provision' AND (p.ledger_account = 5100 AND p.amount_minor = r.amount_minor"
    " OR p.ledger_account = 1190 AND p.amount_minor = -r.amount_minor)"
    " OR r.type = 'recovery' AND p.payment_id = r.payment_id"
    " AND (p.ledger_account = 2100 AND p.amount_minor = r.amount_minor"
    " OR p.ledger_account = 5100 AND p.amount_minor = -r.amount_minor))"
)
# adjustment, type, status: it is booked and not applied or the other way round, or what is booked is not what it says
ADJUSTMENT_BOOKING_WRONG = sql(
    f"WITH r AS ({_ADJUSTMENTS}) SELECT r.id, r.type, r.status FROM r WHERE"
    " (SELECT count(*) FROM billing.journal_entry AS e WHERE e.tenant_id = r.tenant_id"
    " AND e.source_type = 'Adjustment' AND e.source_id = r.id)"
    " <> (r.status = 'applied' AND r.type NOT IN ('courtesy', 'charity', 'correction'))::int"
    " OR EXISTS (SELECT FROM billing.journal_entry AS e JOIN billing.posting AS p"
    " ON p.tenant_id = e.tenant_id AND p.entry_id = e.entry_id WHERE e.tenant_id = r.tenant_id"
    " AND e.source_type = 'Adjustment' AND e.source_id = r.id"
    f" AND (p.account_id IS DISTINCT FROM r.account_id OR p.currency <> r.currency OR NOT {_LINES}"
    f" OR e.kind <> {_OF_TYPE.format('adjustment-applied')}))"
    " OR (SELECT coalesce(sum(t.amount_minor), 0) FROM billing.adjustment_part AS t"
    " WHERE t.tenant_id = r.tenant_id AND t.adjustment_id = r.id)"
    " <> CASE WHEN r.status = 'applied' AND r.type NOT IN ('provision', 'recovery') THEN r.amount_minor ELSE 0 END"
    f" OR EXISTS (SELECT FROM ({_TAKEN}) AS k FULL JOIN (SELECT * FROM billing.adjustment_part AS t"
    " WHERE t.tenant_id = r.tenant_id AND t.adjustment_id = r.id AND t.credit_note_id IS NULL) AS t"
    " ON t.invoice_id = k.invoice_id WHERE t.amount_minor IS DISTINCT FROM k.amount)"
    " OR EXISTS (SELECT FROM billing.adjustment_part AS t LEFT JOIN billing.invoice AS n"
    " ON n.tenant_id = t.tenant_id AND n.id = t.credit_note_id WHERE t.tenant_id = r.tenant_id"
    " AND t.adjustment_id = r.id AND (t.credit_note_id IS NOT NULL)"
    " AND (n.credit_of_id IS DISTINCT FROM t.invoice_id OR n.total_gross_minor IS DISTINCT FROM -t.amount_minor"
    " OR r.type NOT IN ('courtesy', 'charity', 'correction')))"
    f" ORDER BY 1{LIMIT}"
)
