"""`/price-quotes`: what services would cost, without charging for them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from billing.quote_prices import QuoteRequest, quote_prices
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import Amount, Currency, Day, Document, Text, example_config
from fhir_server.rest.price_lists import CodeDocument
from fhir_server.rest.request import RestRequest, Writing
from fhir_server.rest.route import RestRoute
from ledger.pricing import Pricing
from storage.transaction import Transaction

Number = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,15}(\.[0-9]{1,15})?$"),
    Field(description="A decimal as text, so that it is exact: `2.5`."),
]


class ModifierDocument(Document):
    system: Text | None = None
    code: Text


class ServiceDocument(Document):
    """A service as a charge would say it. Without a date it is today's; without a currency, the tenant's."""

    codes: Annotated[list[CodeDocument], Field(min_length=1, max_length=20)]
    date: Day | None = None
    currency: Currency | None = None
    facility: Annotated[Text | None, Field(description="The id of the performing Organization.")] = None
    program: CodeDocument | None = None
    quantity: Number = "1"
    unit: Text | None = None
    factor: Number = "1"
    modifiers: Annotated[list[ModifierDocument], Field(max_length=20, default_factory=list)]


class QuotesRequest(Document):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "services": [
                        {"codes": [{"system": "http://www.ama-assn.org/go/cpt", "code": "99213"}], "quantity": "2"}
                    ]
                }
            ]
        }
    )

    services: Annotated[list[ServiceDocument], Field(min_length=1, max_length=500)]


class QuoteDocument(Document):
    """`priced` is false where no price list has a price; a charge for it would wait, or be refused. `amount` is
    without tax: base + surcharge - discount - exemption."""

    model_config = example_config(
        {
            "priced": True,
            "amount": {"currency": "AFN", "minor_units": 90000},
            "unit_price": {"currency": "AFN", "minor_units": 45000},
            "base": {"currency": "AFN", "minor_units": 90000},
            "price_list": "tariff",
            "level": "tenant",
            "version": 1,
        }
    )

    priced: bool
    amount: Amount | None = None
    unit_price: Amount | None = None
    base: Amount | None = None
    surcharge: Amount | None = None
    discount: Amount | None = None
    exemption: Amount | None = None
    price_list: str | None = None
    level: str | None = None
    version: int | None = None
    rules: list[str] | None = None
    tax_category: str | None = None
    code: CodeDocument | None = None


class QuotesDocument(Document):
    """One quote for each service, in their order."""

    quotes: list[QuoteDocument]


def post_price_quotes(request: RestRequest) -> Writing:
    asked = [_asked(each) for each in request.sent(QuotesRequest).services]

    async def writing(tx: Transaction) -> Answer:
        priced = await quote_prices(tx, request.context, asked)
        return answer_of(QuotesDocument(quotes=[_quote(each) for each in priced]))

    return writing


def _asked(sent: ServiceDocument) -> QuoteRequest:
    return QuoteRequest(
        codes=tuple((each.system, each.code) for each in sent.codes),
        day=sent.date,
        currency=sent.currency,
        facility=sent.facility,
        program=None if sent.program is None else (sent.program.system, sent.program.code),
        quantity=Decimal(sent.quantity),
        unit=sent.unit,
        factor=Decimal(sent.factor),
        modifiers=tuple((each.system, each.code) for each in sent.modifiers),
    )


def _quote(pricing: Pricing | None) -> QuoteDocument:
    if pricing is None:
        return QuoteDocument(priced=False)
    price = pricing.price
    return QuoteDocument(
        priced=True,
        amount=Amount.of(pricing.amount),
        unit_price=Amount.of_minor(price.currency, price.amount_minor),
        base=Amount.of(pricing.base),
        surcharge=Amount.of(pricing.surcharge),
        discount=Amount.of(pricing.discount),
        exemption=Amount.of(pricing.exemption),
        price_list=pricing.list.list_id,
        level=pricing.list.level,
        version=pricing.list.version,
        rules=list(pricing.rules),
        tax_category=price.tax_category,
        code=CodeDocument.model_construct(system=price.system, code=price.code),
    )


ROUTES = (
    RestRoute(
        method="POST",
        path="/price-quotes",
        summary="Quote prices",
        description="Writes nothing. The look-up and the arithmetic are those of the capture of a charge.",
        takes=QuotesRequest,
        gives=QuotesDocument,
        needs=(("ChargeItem", "s"),),
        writes=post_price_quotes,
    ),
)
