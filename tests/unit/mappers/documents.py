"""Resources in which what the columns own is written in every way that FHIR allows, among what they do not own.

The strategies of `tests.strategies` draw any valid resource; these look for trouble where a mapper can lose something.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from mappers import extensions
from mappers.r4.json_text import decode

BASE = "https://billing.example/fhir"

Json = dict[str, Any]
Strategy = st.SearchStrategy[Any]

TEXTS = st.sampled_from(["a", "بیمار", "𝄞 é", "{}", "reference~", '"~":', "line\nbreak", "0"])
CODES = st.sampled_from(["a", "b-c", "X9"])
URIS = st.sampled_from(["http://example.org/s", "urn:oid:1.2.3", "urn:iso:std:iso:4217"])
IDS = st.sampled_from(["1", "a-b.C", "0123456789012345678901234567890123456789012345678901234567890123"])
DATES = st.sampled_from(["2026", "2026-11", "2026-11-21"])
DATE_TIMES = st.sampled_from(["2026", "2026-11-21", "2026-11-21T10:00:00+04:30", "2026-11-21T05:30:00.120Z"])
DECIMALS = st.one_of(
    st.integers(-(10**20), 10**20),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-1000, max_value=1000),
    st.sampled_from([Decimal(text) for text in ("10.00", "0.0000000", "-0.0", "1E+5", "-2.50E+7", "1E-20", "0E+3")]),
)
CURRENCY_DECIMALS = {"AFN": 2, "JPY": 0, "KWD": 3, "CLF": 4, "AED": 2}

FULL = sorted((Path(__file__).parent / "full").glob("*.json"))
"""Resources in which every field of their record has a value: two of a type where elements exclude each other."""


def full_document(file: Path) -> Json:
    return decode(file.read_bytes())


def element(**parts: Strategy) -> Strategy:
    """An object with any of the parts, but with one at least."""
    return st.fixed_dictionaries({}, optional=parts).filter(bool)


def with_required(required: dict[str, Strategy], **optional: Strategy) -> Strategy:
    return st.fixed_dictionaries(required, optional=optional)


def some(items: Strategy) -> Strategy:
    return st.lists(items, min_size=1, max_size=3)


@st.composite
def amounts(draw: st.DrawFn, currency: str) -> Decimal | int:
    """A number that fits the currency, written with fewer or more zeros than the currency has decimals."""
    decimals = draw(st.integers(0, CURRENCY_DECIMALS[currency]))
    value = Decimal(draw(st.integers(-(10**6), 10**6))).scaleb(-decimals)
    written = value.quantize(Decimal(1).scaleb(-draw(st.integers(decimals, 6))))
    return int(written) if written == int(written) and draw(st.booleans()) else written


@st.composite
def money(draw: st.DrawFn) -> Json:
    """Any Money; without a currency, without a value, with extensions, with odd zeros."""
    currency = draw(st.sampled_from(list(CURRENCY_DECIMALS)))
    written = st.one_of(amounts(currency), st.sampled_from([Decimal("-0.00"), Decimal("0E+2"), Decimal("1.5E+4")]))
    return draw(element(value=written, currency=st.just(currency), _value=primitive_extension(), id=TEXTS))


@st.composite
def server_money(draw: st.DrawFn, currency: Strategy) -> Json:
    """A Money as the server writes it."""
    chosen = draw(currency)
    minor_units = draw(st.integers(-(10**15), 10**15))
    return {"value": Decimal(minor_units).scaleb(-CURRENCY_DECIMALS[chosen]), "currency": chosen}


def primitive_extension() -> Strategy:
    return element(id=CODES, extension=some(foreign_extension()))


def foreign_extension() -> Strategy:
    return with_required(
        {"url": st.sampled_from(["http://example.org/x", "https://example.org/~{}"])},
        valueString=TEXTS,
    ).map(lambda extension: {"valueDecimal": Decimal("1.0"), **extension} if len(extension) == 1 else extension)


def references(*types: str) -> Strategy:
    segment = st.builds("{}/{}".format, st.sampled_from(types), IDS)
    versioned = st.one_of(segment, segment.map("{}/_history/3".format))
    written = st.one_of(
        versioned,
        versioned.map(f"{BASE}/{{}}".format),
        versioned.map("http://elsewhere.example/r4/{}".format),
        st.sampled_from(
            ["#contained", "urn:uuid:5f8e4f5e-7d5b-4f4e-8f7e-1d2c3b4a5968", "Basic/1", "Basic/1/_history/2", BASE]
        ),
    )
    return element(
        reference=written, _reference=primitive_extension(), display=TEXTS, type=CODES, identifier=identifiers()
    )


def identifiers() -> Strategy:
    return element(
        use=st.sampled_from(["official", "old"]),
        system=URIS,
        value=TEXTS,
        _value=primitive_extension(),
        extension=some(foreign_extension()),
    )


def codings() -> Strategy:
    return element(system=URIS, code=CODES, display=TEXTS, version=TEXTS, _code=primitive_extension())


def concepts() -> Strategy:
    return element(coding=some(codings()), text=TEXTS, id=CODES)


def periods() -> Strategy:
    return element(start=DATE_TIMES, end=DATE_TIMES, _start=primitive_extension())


@st.composite
def profiles(draw: st.DrawFn) -> Json:
    """`profile` and `_profile`: two arrays side by side, in which null says that the other has the item."""
    pairs = draw(some(st.sampled_from([("http://example.org/p", None), (None, {"id": "x"}), ("urn:p", {"id": "y"})])))
    values, companions = [list(column) for column in zip(*pairs, strict=True)]
    meta: Json = {}
    if any(value is not None for value in values):
        meta["profile"] = values
    if any(companion is not None for companion in companions):
        meta["_profile"] = companions
    return meta


@st.composite
def metas(draw: st.DrawFn) -> Json:
    rest: Json = draw(
        element(source=URIS, tag=some(codings()), security=some(codings()), _source=primitive_extension())
    )
    profile: Json = draw(profiles()) if draw(st.booleans()) else {}
    return rest | profile


def currency_extension() -> Strategy:
    coding = with_required(
        {"system": st.just(extensions.ISO_4217), "code": st.sampled_from(list(CURRENCY_DECIMALS))}, display=TEXTS
    )
    others = st.lists(codings().filter(lambda other: other.get("system") != extensions.ISO_4217), max_size=1)
    around = st.tuples(others, coding, others).map(lambda parts: [*parts[0], parts[1], *parts[2]])
    return held(extensions.ACCOUNT_CURRENCY, "valueCodeableConcept", with_required({"coding": around}, text=TEXTS))


def held(url: str, value_key: str, value: Strategy) -> Strategy:
    return with_required({"url": st.just(url), value_key: value}, id=CODES)


def shares() -> Strategy:
    payer = st.just("payer"), "valueReference", references("Organization")
    amount = st.just("amount"), "valueMoney", money()
    parts = [with_required({"url": url, key: value}, id=CODES) for url, key, value in (payer, amount)]
    chosen = st.sampled_from([[0], [1], [0, 1], [1, 0]]).flatmap(lambda order: st.tuples(*(parts[i] for i in order)))
    nested = st.tuples(chosen, st.lists(foreign_extension(), max_size=1)).map(lambda both: [*both[1], *both[0]])
    return with_required({"url": st.just(extensions.PAYER_SHARE), "extension": nested}, id=CODES)


def among_others(*own: Strategy) -> Strategy:
    """Extensions of ours in any order, among foreign ones."""
    chosen = st.tuples(*(st.one_of(st.just(None), each) for each in own))
    foreign = st.lists(foreign_extension(), max_size=2)
    mixed = st.tuples(chosen, foreign).map(lambda both: [each for each in both[0] if each is not None] + both[1])
    return mixed.filter(bool).flatmap(st.permutations)


COMMON: dict[str, Strategy] = {
    "meta": metas(),
    "language": CODES,
    "contained": st.just([{"resourceType": "Basic", "id": "contained", "code": {"text": "{}"}}]),
    "identifier": some(identifiers()),
    "_status": primitive_extension(),
    "modifierExtension": some(foreign_extension()),
}

COMPONENTS = with_required(
    {"type": st.sampled_from(["base", "tax"])},
    code=concepts(),
    factor=DECIMALS,
    _factor=primitive_extension(),
    amount=money(),
    extension=some(foreign_extension()),
)

ACCOUNTS = with_required(
    {"resourceType": st.just("Account"), "status": st.just("active")},
    **COMMON,
    type=concepts(),
    name=TEXTS,
    _name=primitive_extension(),
    subject=some(references("Patient", "Device")),
    servicePeriod=periods(),
    owner=references("Organization"),
    description=TEXTS,
    extension=among_others(currency_extension()),
)

CHARGE_ITEMS = with_required(
    {"resourceType": st.just("ChargeItem"), "status": st.just("billable"), "code": concepts()},
    **COMMON,
    subject=references("Patient", "Group"),
    context=references("Encounter"),
    occurrenceDateTime=DATE_TIMES,
    occurrencePeriod=periods(),
    occurrenceTiming=element(
        event=some(DATE_TIMES), repeat=element(boundsPeriod=periods(), count=st.just(3)), code=concepts()
    ),
    performer=some(element(function=concepts(), actor=references("Practitioner"), id=CODES)),
    performingOrganization=references("Organization"),
    requestingOrganization=references("Organization"),
    quantity=element(value=DECIMALS, unit=TEXTS, system=URIS, code=CODES, _value=primitive_extension()),
    factorOverride=DECIMALS,
    _factorOverride=primitive_extension(),
    priceOverride=money(),
    enterer=references("Practitioner"),
    enteredDate=DATE_TIMES,
    service=some(references("Procedure")),
    account=some(references("Account")),
    definitionUri=st.just(["http://example.org/d", None]),
    _definitionUri=st.just([None, {"id": "d"}]),
    extension=among_others(
        held(extensions.CHARGE_AMOUNT, "valueMoney", server_money(st.sampled_from(list(CURRENCY_DECIMALS)))),
        held(extensions.CHARGE_UNPRICED, "valueBoolean", st.booleans()),
    ),
)

INVOICES = with_required(
    {"resourceType": st.just("Invoice"), "status": st.just("issued")},
    **COMMON,
    cancelledReason=TEXTS,
    type=concepts(),
    subject=references("Patient"),
    recipient=references("Organization"),
    date=DATE_TIMES,
    participant=some(element(role=concepts(), actor=references("Practitioner"))),
    issuer=references("Organization"),
    account=references("Account"),
    lineItem=some(
        element(
            sequence=st.integers(1, 99),
            chargeItemReference=references("ChargeItem"),
            chargeItemCodeableConcept=concepts(),
            priceComponent=some(COMPONENTS),
        )
    ),
    totalPriceComponent=some(COMPONENTS),
    totalNet=money(),
    totalGross=money(),
    extension=st.sampled_from(list(CURRENCY_DECIMALS)).flatmap(
        lambda currency: among_others(
            held(extensions.INVOICE_SETTLED, "valueMoney", server_money(st.just(currency))),
            held(extensions.INVOICE_DUE, "valueMoney", server_money(st.just(currency))),
            held(extensions.INVOICE_DUE_DATE, "valueDate", DATES),
            held(extensions.CREDIT_OF, "valueReference", references("Invoice")),
            shares(),
            shares(),
        )
    ),
)

PAYMENT_RECONCILIATIONS = with_required(
    {
        "resourceType": st.just("PaymentReconciliation"),
        "status": st.just("active"),
        "created": DATE_TIMES,
        "paymentDate": DATES,
        "paymentAmount": money(),
    },
    **COMMON,
    period=periods(),
    paymentIssuer=references("Organization"),
    request=references("Task"),
    requestor=references("Practitioner"),
    outcome=st.just("complete"),
    disposition=TEXTS,
    paymentIdentifier=identifiers(),
    detail=some(
        with_required(
            {"type": concepts()},
            request=references("Invoice", "Account"),
            date=DATES,
            amount=money(),
            identifier=identifiers(),
        )
    ),
    extension=among_others(
        held(extensions.PAYMENT_ACCOUNT, "valueReference", references("Account")),
        held(extensions.PAYMENT_METHOD, "valueCode", CODES),
        held(extensions.PAYMENT_REFUNDED, "valueMoney", server_money(st.sampled_from(list(CURRENCY_DECIMALS)))),
    ),
)

PAYMENT_NOTICES = with_required(
    {
        "resourceType": st.just("PaymentNotice"),
        "status": st.just("active"),
        "created": DATE_TIMES,
        "payment": references("PaymentReconciliation"),
        "recipient": references("Organization"),
        "amount": money(),
    },
    **COMMON,
    request=references("Invoice", "Claim"),
    response=references("ClaimResponse"),
    provider=references("Practitioner"),
    paymentDate=DATES,
    payee=references("Organization"),
    paymentStatus=concepts(),
)

SUBSCRIPTIONS = with_required(
    {
        "resourceType": st.just("Subscription"),
        "status": st.sampled_from(["requested", "active", "error", "off"]),
        "reason": TEXTS,
        "criteria": st.sampled_from(["Invoice?status=issued", f"{extensions.SUBSCRIPTION_TOPIC}invoice-issued"]),
        "channel": with_required(
            {"type": st.sampled_from(["rest-hook", "websocket"])},
            endpoint=URIS,
            payload=st.just("application/fhir+json"),
            _payload=element(
                extension=among_others(
                    held(extensions.BACKPORT_PAYLOAD_CONTENT, "valueCode", st.sampled_from(["empty", "id-only"]))
                )
            ),
            header=some(TEXTS),
            extension=among_others(
                held(extensions.BACKPORT_HEARTBEAT_PERIOD, "valueUnsignedInt", st.integers(1, 2**31 - 1)),
                held(extensions.BACKPORT_TIMEOUT, "valueUnsignedInt", st.integers(1, 60)),
                held(extensions.BACKPORT_MAX_COUNT, "valuePositiveInt", st.integers(1, 1000)),
            ),
        ),
    },
    meta=COMMON["meta"],
    contact=some(element(system=st.sampled_from(["phone", "email"]), value=TEXTS, use=st.just("work"))),
    end=st.just("2030-01-01T00:00:00Z"),
    error=TEXTS,
    _criteria=element(
        extension=some(
            st.one_of(
                st.fixed_dictionaries({"url": st.just(extensions.BACKPORT_FILTER_CRITERIA), "valueString": TEXTS}),
                st.fixed_dictionaries({"url": st.just(extensions.BACKPORT_FILTER_CRITERIA), "valueCode": CODES}),
                st.fixed_dictionaries({"url": st.just("http://example.org/e"), "valueString": TEXTS}),
            )
        )
    ),
)

DOCUMENTS: dict[str, Strategy] = {
    "Account": ACCOUNTS,
    "ChargeItem": CHARGE_ITEMS,
    "Invoice": INVOICES,
    "PaymentNotice": PAYMENT_NOTICES,
    "PaymentReconciliation": PAYMENT_RECONCILIATIONS,
    "Subscription": SUBSCRIPTIONS,
}
