"""`/tax-rules`: what tax a category of services bears, where and when."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, cast

from pydantic import ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from billing.keep_tax_rule import add_tax_rule, end_tax_rule, rule_unknown
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import Day, Document, PageFilter
from fhir_server.rest.pages import anchor_of, page_of, size_of
from fhir_server.rest.request import Reading, RestRequest, Writing
from fhir_server.rest.route import RestRoute
from ledger.tax_rule import TaxRule
from storage import tax_rules
from storage.transaction import Reader, Transaction

SCOPE = "billing:price:write"

Treatment = Literal["taxable", "zero-rated", "exempt"]
Percent = Annotated[str, StringConstraints(pattern=r"^\d{1,3}(\.\d{1,4})?$")]
Word = Annotated[str, StringConstraints(pattern=r"^\S{1,64}$")]

_EXAMPLE: JsonDict = {
    "id": "vat-standard-2018",
    "name": "VAT",
    "category": "standard",
    "system": "https://tax.example/codes",
    "code": "VAT",
    "treatment": "taxable",
    "percent": "5",
    "valid_from": "2018-01-01",
}


class TaxRuleRequest(Document):
    """A tax rule. It is never edited: end it, and add another one."""

    model_config = ConfigDict(json_schema_extra={"examples": [dict(_EXAMPLE)]})

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9\-.]{1,64}$")]
    category: Annotated[Word, Field(description="As prices of lists name it, or the tenant's setting tax_category.")]
    code: Annotated[Word, Field(description="The tax, as it is on invoices and in account 2200.")]
    system: Annotated[str | None, StringConstraints(pattern=r"^\S{1,200}$")] = None
    treatment: Treatment
    percent: Annotated[Percent, Field(description="5 for 5 percent; 0 unless it is taxable.")] = "0"
    inclusive: Annotated[bool, Field(description="Whether a priceOverride has the tax in it.")] = False
    facility: Annotated[str | None, Field(description="The id of the facility that it is for.")] = None
    name: Annotated[str | None, StringConstraints(min_length=1, max_length=200)] = None
    valid_from: Day
    valid_to: Annotated[Day | None, Field(description="The last day.")] = None


class TaxRuleDocument(TaxRuleRequest):
    """A tax rule that the tenant goes by. Those with a country are national: the operator keeps them."""

    country: Annotated[str | None, Field(description="The country that it is for.")] = None


class TaxRulePage(Document):
    items: list[TaxRuleDocument]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


class TaxRuleEnd(Document):
    model_config = ConfigDict(json_schema_extra={"examples": [{"valid_to": "2026-12-31"}]})

    valid_to: Annotated[Day, Field(description="The last day: today or later.")]


def list_rules(request: RestRequest) -> Reading:
    size, after = size_of(request), anchor_of(request)

    async def reading(reader: Reader) -> Answer:
        tenant = request.tenant
        rules = sorted(await tax_rules.for_tenant(reader, tenant.id, tenant.country), key=lambda rule: rule.key)
        rest = [rule for rule in rules if after is None or rule.key > after][: size + 1]
        page, following = page_of(request, rest, [rule.key for rule in rest])
        return answer_of(TaxRulePage(items=[_document(rule) for rule in page], next=following))

    return reading


def get_rule(request: RestRequest) -> Reading:
    async def reading(reader: Reader) -> Answer:
        rule = await tax_rules.read(reader, request.tenant.id, request.id)
        if rule is None:
            raise rule_unknown(request.id)
        return answer_of(_document(rule))

    return reading


def post_rule(request: RestRequest) -> Writing:
    sent = request.sent(TaxRuleRequest)
    rule = TaxRule(
        tenant_id=request.tenant.id,
        id=sent.id,
        category=sent.category,
        code=sent.code,
        treatment=sent.treatment,
        percent=Decimal(sent.percent),
        valid_from=sent.valid_from,
        valid_to=sent.valid_to,
        system=sent.system,
        inclusive=sent.inclusive,
        facility=sent.facility,
        name=sent.name,
    )

    async def writing(tx: Transaction) -> Answer:
        kept, is_new = await add_tax_rule(tx, rule)
        return answer_of(_document(kept), status=201 if is_new else 200, location=f"/tax-rules/{kept.id}")

    return writing


def post_end(request: RestRequest) -> Writing:
    last_day = request.sent(TaxRuleEnd).valid_to

    async def writing(tx: Transaction) -> Answer:
        today = request.context.today(await tx.read_clock())
        return answer_of(_document(await end_tax_rule(tx, request.id, last_day, today=today)))

    return writing


def _document(rule: TaxRule) -> TaxRuleDocument:
    return TaxRuleDocument.model_construct(
        id=rule.id,
        category=rule.category,
        code=rule.code,
        system=rule.system,
        treatment=cast("Treatment", rule.treatment),
        percent=f"{rule.percent.normalize():f}",
        inclusive=rule.inclusive,
        facility=rule.facility,
        country=rule.country,
        name=rule.name,
        valid_from=rule.valid_from,
        valid_to=rule.valid_to,
    )


ROUTES = (
    RestRoute(
        method="GET",
        path="/tax-rules",
        summary="List the tax rules that the tenant goes by",
        description="Its own, and those of its country, which the operator keeps.",
        filters=PageFilter,
        gives=TaxRulePage,
        business_scope=SCOPE,
        reads=list_rules,
    ),
    RestRoute(
        method="POST",
        path="/tax-rules",
        summary="Add a tax rule",
        description="The same once more changes nothing. One for the same facility, category and tax must not be in"
        " force on one of its days.",
        takes=TaxRuleRequest,
        gives=TaxRuleDocument,
        business_scope=SCOPE,
        status=201,
        writes=post_rule,
    ),
    RestRoute(
        method="GET",
        path="/tax-rules/{id}",
        summary="Read a tax rule of the tenant",
        gives=TaxRuleDocument,
        business_scope=SCOPE,
        reads=get_rule,
    ),
    RestRoute(
        method="POST",
        path="/tax-rules/{id}/end",
        summary="End a tax rule",
        description="On a day that is not past, for invoices of the days before may be taxed by it.",
        takes=TaxRuleEnd,
        gives=TaxRuleDocument,
        business_scope=SCOPE,
        writes=post_end,
    ),
)
