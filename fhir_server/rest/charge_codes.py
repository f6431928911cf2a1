"""`/codes`: the code table by which the codes of charges are validated."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from billing.keep_charge_codes import keep_charge_codes
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import Day, Document, PageFilter, Text, example_config
from fhir_server.rest.pages import anchor_of, page_of, size_of
from fhir_server.rest.request import Reading, RestRequest, Writing
from fhir_server.rest.route import RestRoute
from ledger.charge_code import ChargeCode
from ledger.errors import invalid
from mappers.charge_code_csv import read_csv, write_csv
from storage import charge_codes
from storage.transaction import Reader, Transaction

SCOPE = "billing:price:write"
_SEPARATOR = "\n"


class CodeEntry(Document):
    """A code that may be charged for; both days are valid."""

    model_config = example_config(
        {
            "system": "http://www.ama-assn.org/go/cpt",
            "code": "99213",
            "display": "Outpatient visit",
            "valid_from": "2020-01-01",
        }
    )

    system: Annotated[Text, Field(description="Such as http://www.ama-assn.org/go/cpt.")]
    code: Text
    display: Text | None = None
    valid_from: Annotated[Day | None, Field(description="The first day; without it from ever.")] = None
    valid_to: Annotated[Day | None, Field(description="The last day; without it for ever.")] = None


class CodesRequest(Document):
    """Codes to be kept: `codes`, or the same as `csv`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "codes": [
                        {
                            "system": "http://www.ama-assn.org/go/cpt",
                            "code": "99213",
                            "display": "Outpatient visit",
                            "valid_from": "2020-01-01",
                        }
                    ]
                }
            ]
        }
    )

    codes: list[CodeEntry] = Field(default_factory=list)
    csv: Annotated[str | None, Field(description="CSV as `./run codes import` reads it.")] = None


class CodesKept(Document):
    model_config = example_config({"changed": 1})

    changed: Annotated[int, Field(description="How many are new, or not what they were.")]


class CodePage(Document):
    items: list[CodeEntry]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


class CodesCsv(Document):
    model_config = example_config(
        {"csv": "system,code,display\nhttp://www.ama-assn.org/go/cpt,99213,Outpatient visit\n"}
    )

    csv: str


def list_codes(request: RestRequest) -> Reading:
    size, anchor = size_of(request), anchor_of(request)

    async def reading(reader: Reader) -> Answer:
        after = charge_codes.START
        if anchor is not None:
            system, _, code = anchor.partition(_SEPARATOR)
            after = (system, code, "")
        found = await charge_codes.page(reader, request.tenant.id, after=after, count=size + 1)
        page, following = page_of(request, found, [_SEPARATOR.join(each.coding) for each in found])
        return answer_of(CodePage(items=[_entry(each) for each in page], next=following))

    return reading


def post_codes(request: RestRequest) -> Writing:
    sent = request.sent(CodesRequest)
    if (sent.csv is not None) == bool(sent.codes):
        raise invalid("value-invalid", "Send codes, or csv.", "/csv")
    codes = [
        ChargeCode(
            system=each.system,
            code=each.code,
            display=each.display,
            valid_from=each.valid_from,
            valid_to=each.valid_to,
        )
        for each in sent.codes
    ]
    if sent.csv is not None:
        codes = read_csv(sent.csv)

    async def writing(tx: Transaction) -> Answer:
        return answer_of(CodesKept(changed=await keep_charge_codes(tx, codes)))

    return writing


def get_csv(request: RestRequest) -> Reading:
    async def reading(reader: Reader) -> Answer:
        return answer_of(CodesCsv(csv=write_csv(await charge_codes.all_of(reader, request.tenant.id))))

    return reading


def _entry(code: ChargeCode) -> CodeEntry:
    return CodeEntry.model_construct(
        system=code.system,
        code=code.code,
        display=code.display,
        valid_from=code.valid_from,
        valid_to=code.valid_to,
    )


ROUTES = (
    RestRoute(
        method="GET",
        path="/codes",
        summary="List the codes of the tenant's code table",
        description="Those of its country, which the operator keeps, are not among them.",
        filters=PageFilter,
        gives=CodePage,
        business_scope=SCOPE,
        reads=list_codes,
    ),
    RestRoute(
        method="POST",
        path="/codes",
        summary="Add codes to the tenant's code table, or change them",
        description="All or none. A code that is there says then what it is sent with; none is taken away, but it may"
        " end. What was charged for stays as it was.",
        takes=CodesRequest,
        gives=CodesKept,
        business_scope=SCOPE,
        writes=post_codes,
    ),
    RestRoute(
        method="GET",
        path="/codes/csv",
        summary="Export the tenant's code table as CSV",
        gives=CodesCsv,
        business_scope=SCOPE,
        reads=get_csv,
    ),
)
