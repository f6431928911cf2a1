"""The FHIR API as one ASGI application: from a request to its route, and from the answer or the refusal to bytes.

It is plain ASGI and not FastAPI's machinery, which would cost a read more than all that is done here.
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from fhir_server.access import authorize
from fhir_server.access_log import Visit
from fhir_server.answer_form import AnswerForm
from fhir_server.authorization.smart_scopes import scopes_of
from fhir_server.authorization.token import AccessToken
from fhir_server.execution import carry_out
from fhir_server.faults import log_fault, request_id
from fhir_server.fhir_request import FhirRequest, query_of
from fhir_server.idempotency import check_key
from fhir_server.interactions.patch_document import PATCH_FORMATS, of_json_patch, of_parameters
from fhir_server.media_types import Format, check_form, format_sent, is_json_patch, preferences_of
from fhir_server.outcomes import headers_of, outcome_of, status_of, unexpected_outcome
from fhir_server.preconditions import NO_CONDITIONS, Conditions, conditions_of
from fhir_server.request_body import bytes_sent
from fhir_server.responses import NOT_STORED, Answer, Header
from fhir_server.route import Route
from fhir_server.service import Service
from fhir_server.smart_configuration import SMART_PATH
from ledger.errors import Refusal
from ledger.tenant import Tenant
from mappers.card_numbers import may_hold_card_number, refuse_card_numbers, refuse_card_numbers_in_text
from mappers.r4.json_text import decode
from mappers.r4.xml_text import json_of_xml

Headers = dict[bytes, bytes]

# https://www.rfc-editor.org/rfc/rfc5789#section-2.2
_ACCEPT_PATCH: Header = (b"accept-patch", ", ".join(PATCH_FORMATS).encode())

FHIR_PATH = "/fhir"
_UNDER_BASE, _FOUND_BY_NAME = f"{FHIR_PATH}/", f"{FHIR_PATH}{SMART_PATH}"

_NOBODY = AccessToken("", "", "", scopes_of(""), 0)
_NO_TENANT = Tenant("", "", "", "", "UTC")


def is_fhir(path: str) -> bool:
    """Whether a path is one of the FHIR API's, which is what lies under `/fhir` and is not found by its fixed name."""
    return path == FHIR_PATH or (path.startswith(_UNDER_BASE) and path != _FOUND_BY_NAME)


class FhirEndpoint:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent: Headers = dict(scope["headers"])
        form = AnswerForm(sent)
        visit = Visit()
        try:
            status, headers, body = await self._respond(scope, receive, sent, form, visit)
        except Refusal as refusal:
            await self._service.access_log.refused(visit, refusal)
            status, headers = status_of(refusal), [*headers_of(refusal), NOT_STORED]
            if status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE and scope["method"] == "PATCH":
                headers.append(_ACCEPT_PATCH)
            body = outcome_of(refusal.problems)
        except ClientDisconnect:
            return
        except Exception as error:  # whatever it is, the client gets an OperationOutcome
            log_fault(error)
            status, headers, body = 500, [NOT_STORED], unexpected_outcome(request_id.get())
        if body:
            described, body = form.rendered(body)
            headers = [*described, *headers]
        await _send(send, status, headers, body, is_head=scope["method"] == "HEAD")

    async def _respond(
        self, scope: Scope, receive: Receive, headers: Headers, form: AnswerForm, visit: Visit
    ) -> tuple[int, list[Header], bytes]:
        query = query_of(scope["query_string"])
        form.take_from(query)
        path: str = scope["path"][len(_UNDER_BASE) :]
        match = self._service.routes.match(scope["method"], path)
        route = match.route
        scope["billing.route"] = route.name
        visit.interaction, visit.route, visit.resource_type = route.interaction, route.name, match.resource_type
        visit.id = match.id
        token, tenant = (_NOBODY, _NO_TENANT) if route.is_open else await self._authorize(scope, headers, visit)
        form.check()
        request = FhirRequest(
            scope["method"],
            route.name,
            path,
            token,
            tenant,
            self._service.base_url,
            match.resource_type,
            match.id,
            match.version_id,
            query,
            _conditions(headers),
            preferences_of(_text(headers, b"prefer")),
            endpoints=self._service.settings.endpoint_policy,
            terminology=self._service.terminology,
            interaction=route.interaction,
        )
        route.check_token(request)
        _refuse_card_numbers(scope, request, headers)
        if route.body:
            await self._read_body(route, request, headers, receive, form)
        answer = await carry_out(self._service, route, request)
        return _response(request, answer)

    async def _authorize(self, scope: Scope, headers: Headers, visit: Visit) -> tuple[AccessToken, Tenant]:
        return await authorize(self._service, _text(headers, b"authorization"), visit, scope.get("client"))

    async def _read_body(
        self, route: Route, request: FhirRequest, headers: Headers, receive: Receive, form: AnswerForm
    ) -> None:
        if request.method == "POST" and b"idempotency-key" in headers and route.body != "form":
            request.idempotency_key = check_key(_text(headers, b"idempotency-key"))
        body = await bytes_sent(headers, receive, self._service.settings.max_body_bytes)
        content_type = _text(headers, b"content-type")
        if route.body == "form":
            if body:
                check_form(content_type)
            fields = query_of(body)
            form.take_from(fields)
            form.check()
            refuse_card_numbers_in_text(fields, request.tenant.systems_like_cards)
            request.query += fields
        elif route.body == "patch" and is_json_patch(content_type):
            request.document = of_json_patch(body)
        elif body or route.body != "json?":
            # What came as XML is JSON for everything that follows.
            content = json_of_xml(body) if format_sent(content_type) is Format.XML else body
            request.document, request.body = decode(content), content
            if route.body == "patch":
                of_parameters(request.document)
            else:
                refuse_card_numbers(content, request.document, request.tenant.systems_like_cards)


def _conditions(headers: Headers) -> Conditions:
    names = (b"if-match", b"if-none-match", b"if-modified-since", b"if-none-exist")
    if not any(name in headers for name in names):
        return NO_CONDITIONS
    return conditions_of(*(headers[name].decode("latin-1") if name in headers else None for name in names))


def _refuse_card_numbers(scope: Scope, request: FhirRequest, headers: Headers) -> None:
    """In the path, the query, and the headers that are stored or looked up. A patch is looked at when it is applied."""
    stored = (_text(headers, b"idempotency-key"), _text(headers, b"if-none-exist"))
    if may_hold_card_number("\n".join((request.url, *stored)).encode() + b"\n" + scope["query_string"]):
        named = [("", request.url), ("Idempotency-Key", stored[0]), ("If-None-Exist", stored[1]), *request.query]
        refuse_card_numbers_in_text(named, request.tenant.systems_like_cards)


def _text(headers: Headers, name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")


def _response(request: FhirRequest, answer: Answer) -> tuple[int, list[Header], bytes]:
    headers = answer.headers(request.base_url)
    if (
        request.method in {"GET", "HEAD"}
        and answer.version
        and request.conditions.not_modified(answer.version, answer.last_updated)
    ):
        return HTTPStatus.NOT_MODIFIED, headers, b""
    return answer.status, headers, answer.body(request.preferences)


async def _send(send: Send, status: int, headers: list[Header], body: bytes, *, is_head: bool) -> None:
    if body:
        headers = [(b"content-length", b"%d" % len(body)), *headers]
    elif status not in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
        headers = [(b"content-length", b"0"), *headers]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else body})
