"""Demo data: a small hospital's month in two countries, the same every time but for the month.

The tenant `demo` is a hospital and a clinic in Afghanistan (AFN, some accounts in USD; patients pay cash and mobile
money), `demo-ae` two hospitals in the Emirates (AED, VAT on part of it; insurers owe most). All of it goes through the
same commands as a client's requests, one transaction a patient, so that loading can be interrupted and goes on later.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from billing.context import Context
from billing.create_resource import create_resource
from billing.issue_invoice import issue_invoice
from billing.keep_tax_rule import add_tax_rule
from billing.tenants import add_tenant
from fhir_server.demo_tariff import publish_tariff
from fhir_server.settings import Settings
from ledger.money import Money
from ledger.price_list import Price
from ledger.tax_rule import TaxRule
from ledger.tenant import NATIONAL, Tenant
from storage import tax_rules, tenants
from storage.journal import open_shares
from storage.resource_ids_known import known
from storage.transaction import Database, Transaction

CPT = "http://www.ama-assn.org/go/cpt"
TAX_SYSTEM = "urn:example:tax"
PAYMENT_TYPE = "http://terminology.hl7.org/CodeSystem/payment-type"
EXTENSION = "https://billing.ghasi.example/fhir/StructureDefinition"
ACTOR = "demo"


@dataclass(frozen=True, slots=True)
class DemoTenant:
    """A demo tenant, as `./run serve --demo` shows it."""

    id: str
    currency: str


@dataclass(frozen=True, slots=True)
class Service:
    """Something that is done for a patient, and what it costs in whole units of the tenant's currency."""

    code: str
    name: str
    price: int
    taxed: bool = False


@dataclass(frozen=True, slots=True)
class Hospital:
    """One demo tenant and how its patients pay. `insured`: how many of ten owe only a tenth themselves."""

    tenant: Tenant
    patients: int
    services: Sequence[Service]
    methods: Sequence[str]
    insured: int = 0
    payer: str = ""


def _limits(**by_currency: tuple[int, int]) -> dict[str, str]:
    """Above which amounts refunds and adjustments need one approval, and two."""
    return {
        f"{what}_{which}_above.{currency}": str(limit)
        for currency, limits in by_currency.items()
        for what in ("refund", "adjustment")
        for which, limit in zip(("approval", "second_approval"), limits, strict=True)
    }


AFGHANISTAN = Hospital(
    Tenant(
        "demo",
        "Kabul Demo Hospital",
        "AF",
        "AFN",
        "Asia/Kabul",
        settings=_limits(AFN=(1000, 5000), USD=(100, 500)),
        facilities={"kabul-central": "Kabul Central Hospital", "herat-clinic": "Herat Clinic"},
    ),
    patients=240,
    services=(
        Service("99213", "Outpatient visit", 500),
        Service("85025", "Complete blood count", 350),
        Service("71046", "Chest X-ray", 900),
        Service("76700", "Abdominal ultrasound", 1200),
        Service("90471", "Vaccine administration", 150),
        Service("59400", "Delivery and maternity care", 12500),
        Service("99223", "Inpatient day", 2500),
    ),
    methods=("cash", "cash", "cash", "mobile-money"),
)

EMIRATES = Hospital(
    Tenant(
        "demo-ae",
        "Dubai Demo Medical Group",
        "AE",
        "AED",
        "Asia/Dubai",
        settings={**_limits(AED=(100, 500), USD=(100, 500)), "tax_category": "healthcare"},
        facilities={"dubai-creek": "Dubai Creek Hospital", "sharjah": "Sharjah Medical Centre"},
    ),
    patients=120,
    services=(
        Service("99214", "Outpatient visit", 350),
        Service("80053", "Metabolic panel", 180),
        Service("70553", "MRI of the brain", 2400),
        Service("15780", "Dermabrasion, cosmetic", 1800, taxed=True),
        Service("99223", "Inpatient day", 3200),
    ),
    methods=("card", "bank-transfer", "cash"),
    insured=7,
    payer="Organization/daman",
)


# In the Emirates health care is zero-rated, and what is cosmetic is not.
_NATIONAL_TAXES = tuple(
    TaxRule(
        tenant_id=NATIONAL,
        id=f"ae-vat-{category}",
        name=name,
        country="AE",
        category=category,
        system=TAX_SYSTEM,
        code="VAT",
        treatment=treatment,
        percent=Decimal(percent),
        valid_from=date(2018, 1, 1),
    )
    for category, name, treatment, percent in (
        ("standard", "VAT", "taxable", 5),
        ("healthcare", "VAT on preventive and basic health care", "zero-rated", 0),
    )
)


def load_demo(settings: Settings) -> list[DemoTenant]:
    """Load the demo tenants where they are not there yet."""
    return asyncio.run(_load(settings))


async def _load(settings: Settings) -> list[DemoTenant]:
    database = Database(settings.database_url, size_max=1)
    await database.open()
    try:
        for rule in _NATIONAL_TAXES:
            if await tax_rules.read(database, NATIONAL, rule.id) is None:
                await database.run(NATIONAL, ACTOR, partial(add_tax_rule, rule=rule))
        for hospital in (AFGHANISTAN, EMIRATES):
            if await tenants.read(database, hospital.tenant.id) is None:
                await add_tenant(database, hospital.tenant)
            await _load_hospital(database, hospital, settings.base_url)
    finally:
        await database.close()
    return [DemoTenant(hospital.tenant.id, hospital.tenant.currency) for hospital in (AFGHANISTAN, EMIRATES)]


async def _load_hospital(database: Database, hospital: Hospital, base_url: str) -> None:
    context = Context(hospital.tenant, ACTOR, ACTOR, base_url)
    await publish_tariff(database, hospital.tenant, _prices(hospital), ACTOR)
    numbers = range(1, hospital.patients + 1)
    async with database.transaction(hospital.tenant.id, ACTOR) as tx:
        month = _month_before(context.today(await tx.read_clock()))
        loaded = await known(tx, [("Account", f"account-{number:03d}") for number in numbers])
    for number in numbers:
        if ("Account", f"account-{number:03d}") not in loaded:
            visit = _Visit(hospital, context, number, month)
            await database.run(hospital.tenant.id, ACTOR, visit.record)


def _prices(hospital: Hospital) -> list[Price]:
    currency = hospital.tenant.currency
    return [
        Price(
            system=CPT,
            code=service.code,
            name=service.name,
            currency=currency,
            amount_minor=Money.of_decimal(Decimal(service.price), currency).minor_units,
            tax_category="standard" if service.taxed else None,
        )
        for service in hospital.services
    ]


def _month_before(today: date) -> date:
    return (today.replace(day=1) - timedelta(days=1)).replace(day=1)


class _Visit:
    """One patient's month: an account, what was done, the invoice and what was paid of it."""

    def __init__(self, hospital: Hospital, context: Context, number: int, month: date) -> None:
        self.hospital = hospital
        self.context = context
        self.number = number
        self.month = month
        # The same number, the same story. Nothing here is a secret.
        self.chance = random.Random(f"{hospital.tenant.id}/{number}")  # noqa: S311
        self.id = f"{number:03d}"
        self.patient = {"reference": f"Patient/patient-{self.id}"}
        self.account = {"reference": f"Account/account-{self.id}"}
        self.facility = self.chance.choice(sorted(hospital.tenant.facilities))
        self.day = month + timedelta(days=self.chance.randrange(25))
        in_dollars = hospital is AFGHANISTAN and number % 12 == 0
        self.currency = "USD" if in_dollars else hospital.tenant.currency
        self.rate = Decimal("0.0125") if in_dollars else Decimal(1)

    async def record(self, tx: Transaction) -> None:
        """All of it, in the order in which it happened."""
        self.chance.seed(f"{self.hospital.tenant.id}/{self.number}/story")
        await self._create(tx, self._account())
        done = self.chance.sample(self.hospital.services, self.chance.randint(1, 4))
        for at, service in enumerate(done, 1):
            await self._create(tx, self._charge(at, service))
        if self.number % 15 == 0:
            await self._create(tx, self._unpriced_charge(len(done) + 1))
        story = self.chance.random()
        if story < 0.12:
            return
        await self._create(tx, self._invoice(done))
        if story < 0.18:
            return
        issued = self.day + timedelta(days=1)
        await issue_invoice(tx, self.context, f"invoice-{self.id}", on=issued)
        if story >= 0.35:
            await self._pay(tx, issued, part=Decimal("0.5") if story < 0.5 else Decimal(1))

    async def _create(self, tx: Transaction, document: dict[str, Any]) -> None:
        await create_resource(tx, self.context, document["resourceType"], document, resource_id=document["id"])

    def _account(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "resourceType": "Account",
            "id": f"account-{self.id}",
            "status": "active",
            "name": f"Account of patient {self.number}",
            "subject": [self.patient],
            "servicePeriod": {"start": self.month.isoformat()},
            "owner": {"reference": f"Organization/{self.facility}"},
        }
        if self.currency != self.hospital.tenant.currency:
            document["extension"] = [
                {
                    "url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-Account.currency",
                    "valueCodeableConcept": {"coding": [{"system": "urn:iso:std:iso:4217", "code": self.currency}]},
                }
            ]
        return document

    def _charge(self, at: int, service: Service) -> dict[str, Any]:
        """The price is that of the tariff, but for dollars, which it does not have."""
        override: dict[str, Any] = {}
        if self.currency != self.hospital.tenant.currency:
            price = {"value": self._price(service), "currency": self.currency}
            override = {"priceOverride": price, "overrideReason": "In dollars, at the rate of the month"}
        return {
            "resourceType": "ChargeItem",
            "id": f"charge-{self.id}-{at}",
            "identifier": [{"system": "urn:example:his:order", "value": f"{self.id}-{at}"}],
            "status": "billable",
            "code": {"coding": [{"system": CPT, "code": service.code, "display": service.name}]},
            "subject": self.patient,
            "occurrenceDateTime": self.day.isoformat(),
            "performingOrganization": {"reference": f"Organization/{self.facility}"},
            "quantity": {"value": 1},
            **override,
            "account": [self.account],
        }

    def _unpriced_charge(self, at: int) -> dict[str, Any]:
        charge = self._charge(at, Service("0232T", "New procedure, price to be agreed", 0))
        charge.pop("priceOverride", None)
        charge.pop("overrideReason", None)
        return charge

    def _price(self, service: Service) -> Decimal:
        return (service.price * self.rate).quantize(Decimal("0.01"))

    def _invoice(self, done: Sequence[Service]) -> dict[str, Any]:
        lines, total = [], Decimal(0)
        for at, service in enumerate(done, 1):
            price = self._price(service)
            components: list[dict[str, Any]] = [{"type": "base", "amount": {"value": price, "currency": self.currency}}]
            if service.taxed:
                tax = (price * 5 / 100).quantize(Decimal("0.01"))
                total += tax
                if self.currency != self.hospital.tenant.currency:
                    # The tariff, which says what is taxed by the rules, has no prices in dollars.
                    components.append(self._vat(tax))
            total += price
            lines.append(
                {
                    "sequence": at,
                    "chargeItemReference": {"reference": f"ChargeItem/charge-{self.id}-{at}"},
                    "priceComponent": components,
                }
            )
        return {
            "resourceType": "Invoice",
            "id": f"invoice-{self.id}",
            "extension": self._payer_share(total),
            "status": "draft",
            "subject": self.patient,
            "recipient": self.patient,
            "issuer": {"reference": f"Organization/{self.facility}"},
            "account": self.account,
            "lineItem": lines,
        }

    def _vat(self, tax: Decimal) -> dict[str, Any]:
        return {
            "type": "tax",
            "code": {"coding": [{"system": TAX_SYSTEM, "code": "VAT"}]},
            "factor": Decimal("0.05"),
            "amount": {"value": tax, "currency": self.currency},
        }

    def _payer_share(self, total: Decimal) -> list[dict[str, Any]]:
        """The insurer owes nine tenths of what an insured patient's invoice comes to."""
        if self.number % 10 >= self.hospital.insured:
            return [{"url": f"{EXTENSION}/invoice-due-date", "valueDate": self._due().isoformat()}]
        share = (total * 9 / 10).quantize(Decimal("0.01"))
        return [
            {
                "url": f"{EXTENSION}/payer-share",
                "extension": [
                    {"url": "payer", "valueReference": {"reference": self.hospital.payer}},
                    {"url": "amount", "valueMoney": {"value": share, "currency": self.currency}},
                ],
            }
        ]

    def _due(self) -> date:
        return self.day + timedelta(days=14)

    async def _pay(self, tx: Transaction, on: date, *, part: Decimal) -> None:
        """The patient pays the share that is the patient's, or half of it."""
        shares = (await open_shares(tx, [f"invoice-{self.id}"]))[f"invoice-{self.id}"]
        due = sum(share.amount_minor for share in shares if share.payer is None)
        amount = Money(self.currency, int(due * part))
        if not amount:
            return
        value = {"value": amount.decimal(), "currency": self.currency}
        await self._create(
            tx,
            {
                "resourceType": "PaymentReconciliation",
                "id": f"payment-{self.id}",
                "extension": [
                    {"url": f"{EXTENSION}/payment-method", "valueCode": self.chance.choice(self.hospital.methods)},
                    {"url": f"{EXTENSION}/payment-account", "valueReference": self.account},
                ],
                "identifier": [{"system": "urn:example:his:receipt", "value": f"R-{self.id}"}],
                "status": "active",
                "created": on.isoformat(),
                "outcome": "complete",
                "paymentDate": on.isoformat(),
                "paymentAmount": value,
                "detail": [
                    {
                        "type": {"coding": [{"system": PAYMENT_TYPE, "code": "payment"}]},
                        "request": {"reference": f"Invoice/invoice-{self.id}"},
                        "date": on.isoformat(),
                        "amount": value,
                    }
                ],
            },
        )
