"""Where the database remembers which migrations it has had: beside the tenants' tables, not among them."""

VERSION_SCHEMA = "billing_migrations"
VERSION_TABLE = "schema_version"
