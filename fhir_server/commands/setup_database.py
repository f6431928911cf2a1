"""`./run setup-database`: make the roles and the database on a PostgreSQL server of one's own."""

from __future__ import annotations

import os
import secrets
from typing import Annotated

import typer

PASSWORD_VARIABLE = "BILLING_PASSWORD_{}"  # noqa: S105 - a variable's name


def setup_database(
    admin_url: Annotated[
        str, typer.Argument(envvar="BILLING_ADMIN_DATABASE_URL", help="A superuser's URL, or one of a CREATEROLE role.")
    ],
    database: Annotated[str, typer.Option(help="The database to make, or to use if it is there.")] = "billing",
) -> None:
    """Make the database and its roles, and print the settings that use them.

    The password of a role is taken from BILLING_PASSWORD_APP, _MIGRATE, _WORKER and _AUDIT where set. Else a new role
    gets a generated one, and one that is there keeps its own.
    """
    from fhir_server.database import url_variable
    from storage import roles

    there = roles.existing_roles(admin_url)
    passwords = {
        role: os.environ.get(PASSWORD_VARIABLE.format(role.name)) or secrets.token_urlsafe(24)
        for role in roles.LOGIN_ROLES
        if role not in there or os.environ.get(PASSWORD_VARIABLE.format(role.name))
    }
    roles.set_up(admin_url, passwords, database)
    for role in roles.LOGIN_ROLES:
        typer.echo(f"{url_variable(role)}={roles.url_of(admin_url, role, passwords.get(role), database)}")
    kept = [role for role in roles.LOGIN_ROLES if role not in passwords]
    if kept:
        typer.echo(f"kept their passwords, which are not known here: {', '.join(kept)}", err=True)
