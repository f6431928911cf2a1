"""`/price-lists`: a tenant's price lists, their versions, and what stands in them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, cast

from pydantic import ConfigDict, Field, StringConstraints

from billing.activate_price_list import activate_price_list, discard_price_list, end_price_list
from billing.keep_price_list import keep_price_list, list_unknown
from billing.settle_waiting_charges import SWEEP_MAX, settle_all, settle_unpriced_charges
from billing.write_price_list import write_price_list
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import Amount, Day, Document, PageFilter, Text, example_config
from fhir_server.rest.pages import anchor_of, page_of, size_of
from fhir_server.rest.request import Reading, RestRequest, Writing
from fhir_server.rest.route import RestRoute
from ledger.errors import invalid
from ledger.price_list import Price, PriceList, PriceListVersion, PriceRule
from mappers.price_list_csv import read_csv, write_csv
from storage import price_lists
from storage.transaction import Database, Reader, Transaction

SCOPE = "billing:price:write"

Level = Literal["tenant", "facility", "national"]
Status = Literal["draft", "active", "discarded"]
RuleKind = Literal["factor", "surcharge", "discount", "exemption"]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.\-]{0,63}$")]
Percent = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,6}(\.[0-9]{1,10})?$"),
    Field(description="A decimal as text, so that it is exact: 12.5 percent is `12.5`."),
]


class CodeDocument(Document):
    system: Annotated[Text, Field(description="Such as http://www.ama-assn.org/go/cpt.")]
    code: Text


class ListRequest(Document):
    """For whom a list is: the whole tenant, or a facility; for all, or for a program."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id": "kabul-central", "name": "Kabul Central", "facility": "kabul-central"}]}
    )

    id: Id
    name: Text
    facility: Annotated[Text | None, Field(description="The id of its Organization; without it, the tenant.")] = None
    program: CodeDocument | None = None


class NameRequest(Document):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Kabul Central, outpatients"}]})

    name: Text


class VersionSummary(Document):
    model_config = example_config({"version": 1, "status": "active", "valid_from": "2026-01-01"})

    version: int
    status: Status
    valid_from: Day
    valid_to: Annotated[Day | None, Field(description="The last day; without it until it is superseded.")] = None


class ListDocument(Document):
    model_config = example_config(
        {
            "id": "tariff",
            "name": "Tariff of the hospital",
            "level": "tenant",
            "versions": [{"version": 1, "status": "active", "valid_from": "2026-01-01"}],
        }
    )

    id: str
    name: str
    level: Level
    facility: str | None = None
    program: CodeDocument | None = None
    versions: list[VersionSummary] | None = None


class ListPage(Document):
    items: list[ListDocument]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


class PriceDocument(Document):
    """What one unit of a service costs."""

    system: Text
    code: Text
    amount: Amount
    unit: Annotated[Text | None, Field(description="A UCUM unit such as mL; without it any.")] = None
    tax_category: Text | None = None
    tax_included: Annotated[bool, Field(description="The tax of its category is in the amount.")] = False
    name: Text | None = None


class RuleDocument(Document):
    """What changes the prices of the version: by percent, or by an amount once a charge."""

    id: Id
    kind: RuleKind
    percent: Percent | None = None
    amount: Amount | None = None
    service: Annotated[CodeDocument | None, Field(description="For this service alone.")] = None
    modifier: Annotated[Text | None, Field(description="For charges with this modifier alone.")] = None
    modifier_system: Text | None = None
    name: Text | None = None


class VersionRequest(Document):
    """A whole version: `prices` and `rules`, or the same as `csv`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "valid_from": "2026-01-01",
                    "prices": [
                        {
                            "system": "http://www.ama-assn.org/go/cpt",
                            "code": "99213",
                            "amount": {"currency": "AFN", "minor_units": 50000},
                        }
                    ],
                    "rules": [{"id": "staff", "kind": "discount", "percent": "10", "modifier": "STAFF"}],
                }
            ]
        }
    )

    valid_from: Annotated[Day, Field(description="The first day in force; it may be long past.")]
    valid_to: Day | None = None
    prices: Annotated[list[PriceDocument], Field(max_length=100_000, default_factory=list)]
    rules: Annotated[list[RuleDocument], Field(max_length=10_000, default_factory=list)]
    csv: Annotated[str | None, Field(description="CSV as `./run price-lists import` reads it.")] = None


class VersionDocument(VersionSummary):
    model_config = example_config(
        {
            "price_list": "tariff",
            "version": 1,
            "status": "active",
            "valid_from": "2026-01-01",
            "prices": [
                {
                    "system": "urn:example:tariff",
                    "code": "consultation",
                    "amount": {"currency": "AFN", "minor_units": 45000},
                }
            ],
            "rules": [],
        }
    )

    price_list: str
    prices: list[PriceDocument]
    rules: list[RuleDocument]


class CsvDocument(Document):
    model_config = example_config({"csv": "system,code,amount\nurn:example:tariff,consultation,450.00\n"})

    csv: str


class EndRequest(Document):
    model_config = ConfigDict(json_schema_extra={"examples": [{"valid_to": "2026-06-30"}]})

    valid_to: Annotated[Day, Field(description="The last day in force.")]


def list_price_lists(request: RestRequest) -> Reading:
    size, after = size_of(request), anchor_of(request)

    async def reading(reader: Reader) -> Answer:
        rows = await price_lists.page(reader, request.tenant.id, after=after or "", count=size + 1)
        page, following = page_of(request, rows, [row.id for row in rows])
        return answer_of(ListPage(items=[_list(row) for row in page], next=following))

    return reading


def get_price_list(request: RestRequest) -> Reading:
    async def reading(reader: Reader) -> Answer:
        return answer_of(await _whole_list(reader, request))

    return reading


async def _whole_list(reader: Reader, request: RestRequest) -> ListDocument:
    found = await price_lists.read(reader, request.tenant.id, request.id)
    if found is None:
        raise list_unknown(request.id)
    return _list(found, await price_lists.versions(reader, request.tenant.id, [request.id]))


def post_price_list(request: RestRequest) -> Writing:
    sent = request.sent(ListRequest)
    wanted = PriceList(
        tenant_id=request.tenant.id,
        id=sent.id,
        name=sent.name,
        level="facility" if sent.facility else "tenant",
        facility=sent.facility,
        program=_coding(sent.program),
    )

    async def writing(tx: Transaction) -> Answer:
        kept, is_new = await keep_price_list(tx, wanted)
        return answer_of(_list(kept), status=201, location=f"price-lists/{kept.id}" if is_new else "")

    return writing


def put_price_list(request: RestRequest) -> Writing:
    name = request.sent(NameRequest).name

    async def writing(tx: Transaction) -> Answer:
        found = await price_lists.lock(tx, request.id)
        if found is None:
            raise list_unknown(request.id)
        price_lists.rename(tx, request.id, name)
        return answer_of(await _whole_list(tx, request))

    return writing


def post_version(request: RestRequest) -> Writing:
    sent = request.sent(VersionRequest)
    if sent.csv is not None and (sent.prices or sent.rules):
        raise invalid("value-invalid", "Send csv, or prices and rules.", "/csv")
    prices, rules = ([_price(each) for each in sent.prices], [_rule(each) for each in sent.rules])
    if sent.csv is not None:
        prices, rules = read_csv(sent.csv)

    async def writing(tx: Transaction) -> Answer:
        version = await write_price_list(
            tx, request.id, valid_from=sent.valid_from, valid_to=sent.valid_to, prices=prices, rules=rules
        )
        location = f"price-lists/{request.id}/versions/{version.version}"
        return answer_of(_version(version, prices, rules), status=201, location=location)

    return writing


def get_version(request: RestRequest) -> Reading:
    async def reading(reader: Reader) -> Answer:
        version = await _found(reader, request)
        content = await price_lists.content(reader, request.tenant.id, request.id, version.version)
        return answer_of(_version(version, *content))

    return reading


def get_csv(request: RestRequest) -> Reading:
    async def reading(reader: Reader) -> Answer:
        version = await _found(reader, request)
        content = await price_lists.content(reader, request.tenant.id, request.id, version.version)
        return answer_of(CsvDocument(csv=write_csv(*content)))

    return reading


async def _found(reader: Reader, request: RestRequest) -> PriceListVersion:
    for each in await price_lists.versions(reader, request.tenant.id, [request.id]):
        if each.version == _number(request):
            return each
    raise list_unknown(f"{request.id} with a version {request.path['version']}")


def _number(request: RestRequest) -> int:
    text = request.path["version"]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def activate_version(request: RestRequest) -> Writing:
    async def writing(tx: Transaction) -> Answer:
        return answer_of(_summary(await activate_price_list(tx, request.id, _number(request))))

    return writing


async def settle_waiting(request: RestRequest, database: Database) -> None:
    """Price the charges that waited for the list that has come into force."""
    await settle_all(database, request.context, settle_unpriced_charges, count_max=SWEEP_MAX)


def discard_version(request: RestRequest) -> Writing:
    async def writing(tx: Transaction) -> Answer:
        return answer_of(_summary(await discard_price_list(tx, request.id, _number(request))))

    return writing


def end_version(request: RestRequest) -> Writing:
    last_day = request.sent(EndRequest).valid_to

    async def writing(tx: Transaction) -> Answer:
        return answer_of(_summary(await end_price_list(tx, request.id, _number(request), last_day)))

    return writing


def _coding(document: CodeDocument | None) -> tuple[str, str] | None:
    return None if document is None else (document.system, document.code)


def _price(sent: PriceDocument) -> Price:
    return Price(
        system=sent.system,
        code=sent.code,
        currency=sent.amount.currency,
        amount_minor=sent.amount.minor_units,
        unit=sent.unit or "",
        tax_category=sent.tax_category,
        tax_included=sent.tax_included,
        name=sent.name,
    )


def _rule(sent: RuleDocument) -> PriceRule:
    return PriceRule(
        id=sent.id,
        kind=sent.kind,
        percent=None if sent.percent is None else Decimal(sent.percent),
        amount_minor=None if sent.amount is None else sent.amount.minor_units,
        currency=None if sent.amount is None else sent.amount.currency,
        code=_coding(sent.service),
        modifier=sent.modifier,
        modifier_system=sent.modifier_system,
        name=sent.name,
    )


def _code(coding: tuple[str, str] | None) -> CodeDocument | None:
    return None if coding is None else CodeDocument.model_construct(system=coding[0], code=coding[1])


def _list(kept: PriceList, versions: list[PriceListVersion] | None = None) -> ListDocument:
    return ListDocument.model_construct(
        id=kept.id,
        name=kept.name,
        level=cast("Level", kept.level),
        facility=kept.facility,
        program=_code(kept.program),
        versions=None if versions is None else [_summary(each) for each in versions],
    )


def _summary(version: PriceListVersion) -> VersionSummary:
    return VersionSummary.model_construct(
        version=version.version,
        status=cast("Status", version.status),
        valid_from=version.valid_from,
        valid_to=version.valid_to,
    )


def _version(version: PriceListVersion, prices: list[Price], rules: list[PriceRule]) -> VersionDocument:
    return VersionDocument.model_construct(
        price_list=version.list_id,
        version=version.version,
        status=cast("Status", version.status),
        valid_from=version.valid_from,
        valid_to=version.valid_to,
        prices=[
            PriceDocument.model_construct(
                system=each.system,
                code=each.code,
                amount=Amount.of_minor(each.currency, each.amount_minor),
                unit=each.unit or None,
                tax_category=each.tax_category,
                tax_included=each.tax_included,
                name=each.name,
            )
            for each in prices
        ],
        rules=[
            RuleDocument.model_construct(
                id=each.id,
                kind=cast("RuleKind", each.kind),
                percent=None if each.percent is None else f"{each.percent:f}",
                amount=None if each.currency is None else Amount.of_minor(each.currency, each.amount_minor or 0),
                service=_code(each.code),
                modifier=each.modifier,
                modifier_system=each.modifier_system,
                name=each.name,
            )
            for each in rules
        ],
    )


_PATH = "/price-lists"
_VERSION_PATH = f"{_PATH}/{{id}}/versions/{{version}}"

ROUTES = (
    RestRoute(
        method="GET",
        path=_PATH,
        summary="List price lists",
        filters=PageFilter,
        gives=ListPage,
        business_scope=SCOPE,
        reads=list_price_lists,
    ),
    RestRoute(
        method="POST",
        path=_PATH,
        summary="Add a price list",
        description="Sent again it gets the name that it is sent with; for whom it is never changes.",
        takes=ListRequest,
        gives=ListDocument,
        business_scope=SCOPE,
        status=201,
        writes=post_price_list,
    ),
    RestRoute(
        method="GET",
        path=f"{_PATH}/{{id}}",
        summary="Read a price list with its versions",
        gives=ListDocument,
        business_scope=SCOPE,
        reads=get_price_list,
    ),
    RestRoute(
        method="PUT",
        path=f"{_PATH}/{{id}}",
        summary="Rename a price list",
        takes=NameRequest,
        gives=ListDocument,
        business_scope=SCOPE,
        writes=put_price_list,
    ),
    RestRoute(
        method="POST",
        path=f"{_PATH}/{{id}}/versions",
        summary="Write a version of a price list",
        description="Whole, as a draft, with prices and rules or as CSV. It prices nothing until it is activated, and"
        " is never edited: another version supersedes it.",
        takes=VersionRequest,
        gives=VersionDocument,
        business_scope=SCOPE,
        status=201,
        writes=post_version,
    ),
    RestRoute(
        method="GET",
        path=_VERSION_PATH,
        summary="Read a version with all that stands in it",
        gives=VersionDocument,
        business_scope=SCOPE,
        reads=get_version,
    ),
    RestRoute(
        method="GET",
        path=f"{_VERSION_PATH}/csv",
        summary="Export a version as CSV",
        gives=CsvDocument,
        business_scope=SCOPE,
        reads=get_csv,
    ),
    RestRoute(
        method="POST",
        path=f"{_VERSION_PATH}/activate",
        summary="Bring a version into force",
        description="The version of the list before it that has no last day ends on the day before. Any other"
        " overlap for the same level, facility and program is 409. Charges that waited for a price are priced, a"
        " thousand of them before the answer; for more see /worklists/unpriced-charges/settle.",
        gives=VersionSummary,
        business_scope=SCOPE,
        writes=activate_version,
        follows=settle_waiting,
    ),
    RestRoute(
        method="POST",
        path=f"{_VERSION_PATH}/discard",
        summary="Discard a draft",
        gives=VersionSummary,
        business_scope=SCOPE,
        writes=discard_version,
    ),
    RestRoute(
        method="POST",
        path=f"{_VERSION_PATH}/end",
        summary="End a version sooner",
        description="What it priced keeps its price.",
        takes=EndRequest,
        gives=VersionSummary,
        business_scope=SCOPE,
        writes=end_version,
    ),
)
