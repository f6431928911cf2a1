"""The URLs that `./run setup-database` prints."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from storage.roles import Role, url_of


@pytest.mark.parametrize(
    ("admin", "url"),
    [
        ("postgresql://postgres:x@db:5433/postgres", "postgresql://billing_app:se%2Fcret@db:5433/billing"),
        (
            "postgresql://postgres@db/postgres?sslmode=require",
            "postgresql://billing_app:se%2Fcret@db:5432/billing?sslmode=require",
        ),
        ("postgresql://postgres@[::1]/postgres", "postgresql://billing_app:se%2Fcret@[::1]:5432/billing"),
        ("host=/run/postgresql user=postgres", "postgresql://billing_app:se%2Fcret@/billing?host=%2Frun%2Fpostgresql"),
        ("dbname=postgres", "postgresql://billing_app:se%2Fcret@/billing"),
    ],
)
def test_a_role_s_url_reaches_the_admin_s_server(admin: str, url: str) -> None:
    assert url_of(admin, Role.APP, "se/cret") == url


def test_a_url_is_read_back_as_it_was_meant() -> None:
    parts = conninfo_to_dict(url_of("host=/a/b port=5499 user=x", Role.AUDIT, "p@ss:w/ rd%", "a database"))
    assert parts == {
        "user": "billing_audit",
        "password": "p@ss:w/ rd%",
        "host": "/a/b",
        "port": "5499",
        "dbname": "a database",
    }


def test_a_password_that_is_not_known_is_left_out() -> None:
    assert url_of("host=db", Role.APP, None) == "postgresql://billing_app@db:5432/billing"
