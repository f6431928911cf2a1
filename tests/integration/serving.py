"""The server as a client sees it, without a socket: an application on a real database, and tenants of one's own."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
from fastapi import FastAPI
from psycopg import sql

from billing.tenants import add_tenant
from fhir_server.app import create_app
from fhir_server.authorization.built_in_issuer import TokenRequest, mint
from fhir_server.settings import Settings
from ledger.tenant import Tenant
from storage.transaction import Database
from tests.database_server import DatabaseAccess

ALL_SCOPES = "system/*.cruds billing:*"
BASE = "http://127.0.0.1:8080/fhir"

Json = dict[str, Any]


@dataclass(frozen=True)
class Server:
    """A running application, and what is needed to make tenants and tokens for it."""

    app: FastAPI
    settings: Settings
    access: DatabaseAccess

    def token(self, tenant_id: str, scope: str = ALL_SCOPES, *, subject: str = "tester", **changed: Any) -> str:
        request: dict[str, Any] = {
            "tenant": tenant_id,
            "scope": scope,
            "subject": subject,
            "issuer": self.settings.token_issuer,
            "audience": self.settings.token_audience,
            "lifetime_seconds": 600,
        }
        now = changed.pop("now", datetime.now(UTC))
        return mint(self.settings.data_dir, TokenRequest(**(request | changed)), now)

    def client(self, token: str | None, **headers: str) -> httpx.AsyncClient:
        """A client whose paths are relative to the FHIR base."""
        authorization = {} if token is None else {"authorization": f"Bearer {token}"}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url=f"{BASE}/", headers={**authorization, **headers}
        )

    async def add_tenant(self, **changed: Any) -> str:
        """Register a tenant and give its id."""
        values: dict[str, Any] = {
            "id": f"t-{secrets.token_hex(6)}",
            "name": "A hospital",
            "country": "AF",
            "currency": "AFN",
            "timezone": "Asia/Kabul",
        }
        tenant = Tenant(**(values | changed))
        database = Database(self.access.app)
        await database.open()
        try:
            await add_tenant(database, tenant)
        finally:
            await database.close()
        return tenant.id


@dataclass(frozen=True)
class Hospital:
    """A tenant with a client that may do everything in it."""

    server: Server
    tenant_id: str
    http: httpx.AsyncClient

    async def create(self, resource: Json, **headers: str) -> Json:
        answer = await self.http.post(resource["resourceType"], json=resource, headers=headers)
        assert answer.status_code in {200, 201}, answer.text
        return body(answer)

    async def read(self, url: str) -> Json:
        answer = await self.http.get(url)
        assert answer.status_code == 200, answer.text
        return body(answer)

    async def operate(self, url: str, *parameters: Json, key: str | None = None) -> httpx.Response:
        """Call an operation; each call of one that needs a key has a new one, unless one is given."""
        headers = {"idempotency-key": key or secrets.token_hex(8)}
        content: Json = {"resourceType": "Parameters"}
        if parameters:
            content["parameter"] = list(parameters)
        return await self.http.post(url, json=content, headers=headers)

    async def account(self, **changed: Any) -> Json:
        return await self.create({"resourceType": "Account", "status": "active", "subject": [PATIENT], **changed})

    async def charge(self, account: Json, amount: int = 100, **changed: Any) -> Json:
        return await self.create(charge_item(f"Account/{account['id']}", amount, **changed))

    async def draft(self, account: Json, *charges: Json, **changed: Any) -> Json:
        return await self.create(
            draft_invoice(f"Account/{account['id']}", *(charge["id"] for charge in charges), **changed)
        )

    async def issued(self, amount: int = 100) -> tuple[Json, Json]:
        """An account and an issued invoice on it."""
        account = await self.account()
        draft = await self.draft(account, await self.charge(account, amount))
        answer = await self.http.post(f"Invoice/{draft['id']}/$issue")
        assert answer.status_code == 200, answer.text
        return account, body(answer)


PATIENT = {"reference": "Patient/p1"}


def charge_item(account: str, amount: int = 100, **changed: Any) -> Json:
    return {
        "resourceType": "ChargeItem",
        "status": "billable",
        "code": {"coding": [{"system": "http://example.org/tariff", "code": "consultation"}]},
        "subject": PATIENT,
        "account": [{"reference": account}],
        "occurrenceDateTime": "2026-03-01",
        "quantity": {"value": 1},
        "priceOverride": {"value": amount, "currency": "AFN"},
        "overrideReason": "Agreed with the patient",
        **changed,
    }


def draft_invoice(account: str, *charge_ids: str, **changed: Any) -> Json:
    return {
        "resourceType": "Invoice",
        "status": "draft",
        "subject": PATIENT,
        "recipient": PATIENT,
        "account": {"reference": account},
        "lineItem": [{"chargeItemReference": {"reference": f"ChargeItem/{id_}"}} for id_ in charge_ids],
        **changed,
    }


def body(answer: httpx.Response) -> Json:
    decoded: Json = json.loads(answer.content)
    return decoded


def money(name: str, amount: float | int | str, currency: str = "AFN") -> Json:
    return {"name": name, "valueMoney": {"value": amount, "currency": currency}}


def code(name: str, value: str) -> Json:
    return {"name": name, "valueCode": value}


def codes_of(outcome: Json) -> list[str]:
    """The error codes of an OperationOutcome, in order."""
    assert outcome["resourceType"] == "OperationOutcome", outcome
    return [issue["details"]["coding"][0]["code"] for issue in outcome["issue"]]


def expressions_of(outcome: Json) -> list[str]:
    return [place for issue in outcome["issue"] for place in issue.get("expression", [])]


def row_counts(access: DatabaseAccess) -> dict[str, int]:
    """How many rows each table has, but the access log: whoever refuses a request leaves all else as it was."""
    with psycopg.connect(access.superuser) as connection:
        names = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'billing' ORDER BY tablename"
        ).fetchall()
        counts = {}
        for (name,) in names:
            if name == "access_log":
                continue
            row = connection.execute(sql.SQL("SELECT count(*) FROM billing.{}").format(sql.Identifier(name))).fetchone()
            assert row is not None
            counts[name] = row[0]
        return counts


@asynccontextmanager
async def serving(access: DatabaseAccess, data_dir: Path, **changed: Any) -> AsyncIterator[Server]:
    values: dict[str, Any] = {"data_dir": data_dir, "database_url": access.app, "built_in_issuer": "on"}
    values |= {"client_requests_per_second": 0, "tenant_requests_per_second": 0, "address_failures_per_second": 0}
    settings = Settings(**(values | changed))
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield Server(app, settings, access)


@asynccontextmanager
async def hospital_of(server: Server, **changed: Any) -> AsyncIterator[Hospital]:
    tenant_id = await server.add_tenant(**changed)
    async with server.client(server.token(tenant_id)) as http:
        yield Hospital(server, tenant_id, http)
