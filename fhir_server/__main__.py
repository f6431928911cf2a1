"""`python -m fhir_server`: the command line, as `./run` calls it."""

from __future__ import annotations

import sys

import typer

from fhir_server.commands.audit import audit
from fhir_server.commands.backup import backup
from fhir_server.commands.bench import bench
from fhir_server.commands.check import check
from fhir_server.commands.clients import clients
from fhir_server.commands.codes import codes
from fhir_server.commands.migrate import migrate
from fhir_server.commands.payment_plans import payment_plans
from fhir_server.commands.periods import periods
from fhir_server.commands.price_lists import price_lists
from fhir_server.commands.restore import restore
from fhir_server.commands.rotate_key import rotate_key
from fhir_server.commands.sbom import sbom
from fhir_server.commands.seal import seal
from fhir_server.commands.serve import serve
from fhir_server.commands.settings import settings
from fhir_server.commands.setup_database import setup_database
from fhir_server.commands.subscriptions import subscriptions
from fhir_server.commands.tax_rules import tax_rules
from fhir_server.commands.tenants import tenants
from fhir_server.commands.test import PASS_EVERYTHING_ON, test
from fhir_server.commands.token import token
from fhir_server.commands.upgrade import upgrade

cli = typer.Typer(
    help="The billing service: a FHIR R4 server on an append-only ledger.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.command()(serve)
cli.command()(token)
cli.add_typer(tenants, name="tenants")
cli.add_typer(subscriptions, name="subscriptions")
cli.add_typer(payment_plans, name="payment-plans")
cli.add_typer(price_lists, name="price-lists")
cli.add_typer(codes, name="codes")
cli.add_typer(clients, name="clients")
cli.command("rotate-key")(rotate_key)
cli.add_typer(tax_rules, name="tax-rules")
cli.add_typer(periods, name="periods")
cli.command()(check)
cli.command()(seal)
cli.command()(sbom)
cli.command()(audit)
cli.command()(backup)
cli.command()(restore)
cli.command()(upgrade)
cli.command()(migrate)
cli.command()(setup_database)
cli.command()(settings)
cli.command(context_settings=PASS_EVERYTHING_ON)(test)
cli.command(context_settings=PASS_EVERYTHING_ON)(bench)


def main() -> None:
    """Run a command. What an operator can mend is said in a sentence; only what is our fault has a traceback."""
    try:
        cli(prog_name="./run")
    except Exception as failure:
        message = _for_the_operator(failure)
        if message is None:
            raise
        typer.echo(f"run: {message}", err=True)
        sys.exit(1)


def _for_the_operator(failure: Exception) -> str | None:
    """What to tell about a failure that the operator can mend; None for any other."""
    from pydantic import ValidationError

    from fhir_server.settings import variable_of
    from fhir_server.worker_processes import ServeError
    from ledger.errors import Refusal
    from storage.backup import BackupError
    from storage.embedded_postgres import EmbeddedPostgresError
    from storage.roles import CannotConnect

    if isinstance(failure, ValidationError) and failure.title == "Settings":
        return "; ".join(f"{variable_of(str(error['loc'][0]))}: {error['msg']}" for error in failure.errors())
    if isinstance(failure.__cause__, CannotConnect):
        failure = failure.__cause__  # SQLAlchemy's own wraps it
    expected = (BackupError, EmbeddedPostgresError, Refusal, ServeError, CannotConnect)
    return str(failure).strip() if isinstance(failure, expected) else None


if __name__ == "__main__":
    main()
