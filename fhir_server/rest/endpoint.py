"""The REST API as ASGI: from a request to its route, and from the answer or the refusal to bytes.

The authorization, the limits, the idempotency and the transactions are those of FHIR. FastAPI describes the routes
(`openapi.py`); they are carried out here, for its own machinery would read bodies less strictly.
"""

from __future__ import annotations

import re

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from fhir_server.access import authorize, authorize_operator
from fhir_server.access_log import Visit, log_write
from fhir_server.faults import log_fault, request_id
from fhir_server.fhir_request import query_of
from fhir_server.idempotency import check_key, hash_of, once, require_key
from fhir_server.interactions.search_cursor import Cursors
from fhir_server.outcomes import headers_of, status_of
from fhir_server.preconditions import conditions_of
from fhir_server.request_body import bytes_sent
from fhir_server.responses import NOT_STORED, Answer, Header
from fhir_server.rest.problems import MEDIA_TYPE, problem_of, unexpected_problem
from fhir_server.rest.reading import read_document, read_query
from fhir_server.rest.request import PageSizes, RestRequest
from fhir_server.rest.route import BASE_PATH, RestRoute
from fhir_server.service import Service
from ledger.errors import Category, Refusal, invalid, not_found, refuse
from mappers.card_numbers import refuse_card_numbers, refuse_card_numbers_in_text
from mappers.r4.json_text import decode
from storage.transaction import Transaction

_is_id = re.compile(r"[A-Za-z0-9\-.]{1,64}").fullmatch

_JSON: Header = (b"content-type", b"application/json")
_PROBLEM: Header = (b"content-type", MEDIA_TYPE.encode())


class RestEndpoint:
    def __init__(self, service: Service) -> None:
        self._service = service
        self._cursors = Cursors.of_settings(service.settings)
        self._page_sizes = PageSizes(service.settings.default_page_size, service.settings.max_page_size)

    async def answer(self, route: RestRoute, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that has come to a route; its path parameters are in the scope."""
        scope["billing.route"] = route.name
        visit = Visit("rest", route.name, id=scope["path_params"].get("id", ""))
        try:
            answer = await self._carry_out(route, await self._request(route, scope, receive, visit))
        except Refusal as refusal:
            await self._service.access_log.refused(visit, refusal)
            await send_refusal(send, refusal)
        except ClientDisconnect:
            return
        except Exception as error:  # whatever it is, the client gets a problem
            log_fault(error)
            await _send(send, 500, [_PROBLEM, NOT_STORED], unexpected_problem(request_id.get()))
        else:
            headers = [_JSON, *answer.headers(BASE_PATH)]
            if route.method == "GET" and answer.version and _has_it(scope, answer.version):
                await _send(send, 304, headers[1:], b"")
            else:
                await _send(send, answer.status, headers, answer.content)

    async def _request(self, route: RestRoute, scope: Scope, receive: Receive, visit: Visit) -> RestRequest:
        sent: dict[bytes, bytes] = dict(scope["headers"])
        decide = authorize_operator if route.of_operators else authorize
        token, tenant = await decide(self._service, _text(sent, b"authorization") or "", visit, scope.get("client"))
        route.check_scopes(token.scopes)
        query = query_of(scope["query_string"])
        named = [("", scope["path"]), ("Idempotency-Key", _text(sent, b"idempotency-key") or ""), *query]
        refuse_card_numbers_in_text(named, tenant.systems_like_cards)
        if not all(map(_is_id, scope["path_params"].values())):
            raise not_found(
                "not-found", "An id has 1 to 64 characters of A-Z, a-z, 0-9, - and .; nothing has this one."
            )
        request = RestRequest(
            method=route.method,
            operation=route.name,
            url=scope["path"],
            token=token,
            tenant=tenant,
            fhir_base_url=self._service.base_url,
            cursors=self._cursors,
            page_sizes=self._page_sizes,
            path=scope["path_params"],
            filter=read_query(query, route.filters),
            conditions=conditions_of(_text(sent, b"if-match"), _text(sent, b"if-none-match"), None, None),
            visit=visit,
            terminology=self._service.terminology,
        )
        visit.query = "&".join(f"{name}={value}" for name, value in query)
        if route.method == "POST" and b"idempotency-key" in sent:
            request.idempotency_key = check_key(_text(sent, b"idempotency-key") or "")
        if route.method != "GET":
            content = await bytes_sent(sent, receive, self._service.settings.max_body_bytes)
            _read_body(route, request, sent, content)
        return request

    async def _carry_out(self, route: RestRoute, request: RestRequest) -> Answer:
        if route.reads is not None:
            answer = await route.reads(request)(self._service.database)
            self._service.access_log.note(request.visit, answer)
            return answer
        if route.needs_idempotency_key:
            require_key(request)
        if route.serves is not None:
            return await route.serves(request, self._service)
        assert route.writes is not None, "a route reads, writes or serves"
        writing = route.writes(request)
        request_hash = "" if request.idempotency_key is None else hash_of(request)

        async def attempt(tx: Transaction) -> Answer:
            answer = await once(tx, request, request_hash, writing)
            log_write(tx, request.visit, answer)
            return answer

        answer = await self._service.database.run(request.tenant.id, request.token.subject, attempt)
        if route.follows is not None:
            await route.follows(request, self._service.database)
        return answer


def _read_body(route: RestRoute, request: RestRequest, headers: dict[bytes, bytes], content: bytes) -> None:
    if route.takes is None:
        if content and decode(content):
            raise invalid("body-unexpected", "This route takes no body; send none, or {}.", issue="structure")
        return
    if not content and any(field.is_required() for field in route.takes.model_fields.values()):
        raise invalid("body-missing", "A JSON object is expected in the body.", issue="required")
    media_type = (_text(headers, b"content-type") or "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise refuse(Category.MEDIA_TYPE, "media-type", "Send application/json in UTF-8.")
    request.document = decode(content) if content else {}
    refuse_card_numbers(content, request.document, request.tenant.systems_like_cards)
    request.body = read_document(request.document, route.takes)


def _text(headers: dict[bytes, bytes], name: bytes) -> str | None:
    return headers[name].decode("latin-1") if name in headers else None


def _has_it(scope: Scope, version: int) -> bool:
    sent = _text(dict(scope["headers"]), b"if-none-match")
    return sent is not None and conditions_of(None, sent, None, None).not_modified(version, None)


async def send_refusal(send: Send, refusal: Refusal) -> None:
    headers = [_PROBLEM, *headers_of(refusal), NOT_STORED]
    await _send(send, status_of(refusal), headers, problem_of(refusal))


async def _send(send: Send, status: int, headers: list[Header], body: bytes) -> None:
    if status != 304:
        headers = [(b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": body})
