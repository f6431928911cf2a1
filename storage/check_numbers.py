"""The numbers that a series gave out and those that invoices carry, read for `./run check`."""

from __future__ import annotations

from storage.check_snapshot import LIMIT, sql

# $2: the identifier system up to the facility; $3: what numbers begin with (INV); $4: the name of the series
_NUMBERED = (
    "WITH n AS (SELECT x.id, x.value, substr(x.system, length($2::text) + 1) AS facility,"
    " m[1]::int AS year, m[2]::bigint AS number FROM billing.invoice_index AS x"
    " LEFT JOIN LATERAL regexp_match(x.value, '^' || $3::text || '-(\\d{4})-(\\d{6,18})$') AS m ON true"
    " WHERE x.tenant_id = $1 AND x.parameter = 'identifier' AND starts_with(x.system, $2::text)),"
    " s AS (SELECT facility, year, last_number FROM billing.number_series WHERE tenant_id = $1 AND series = $4::text) "
)

# facility, year, number: given out, and on no invoice
MISSING = sql(
    f"{_NUMBERED}SELECT s.facility, s.year, g.number FROM s"
    " CROSS JOIN LATERAL generate_series(1::bigint, s.last_number) AS g(number)"
    " LEFT JOIN n ON n.facility = s.facility AND n.year = s.year AND n.number = g.number"
    f" WHERE n.id IS NULL ORDER BY 1, 2, 3{LIMIT}"
)
# invoice, number: on an invoice, and not given out or no number at all
NOT_GIVEN = sql(
    f"{_NUMBERED}SELECT n.id, n.value FROM n LEFT JOIN s ON s.facility = n.facility AND s.year = n.year"
    f" WHERE n.number IS NULL OR n.number < 1 OR n.number > coalesce(s.last_number, 0) ORDER BY 1, 2{LIMIT}"
)
# facility, number, the invoices that have it
TWICE = sql(
    f"{_NUMBERED}SELECT n.facility, n.value, string_agg('Invoice/' || n.id, ', ' ORDER BY n.id) FROM n"
    f" GROUP BY n.facility, n.value HAVING count(*) > 1 ORDER BY 1, 2{LIMIT}"
)
# series; $2: the series that there are
SERIES_UNKNOWN = sql(
    "SELECT DISTINCT series FROM billing.number_series"
    f" WHERE tenant_id = $1 AND series <> ALL ($2::text[]) ORDER BY 1{LIMIT}"
)
