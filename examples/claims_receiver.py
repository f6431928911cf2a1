"""A claims system that learns of issued invoices by a webhook. Python alone, no packages.

    python examples/claims_receiver.py BASE TOKEN [PORT]

It subscribes to the topic invoice-issued, answers the handshake, and for each notification: verifies the signature,
drops events that it has handled, asks $events for what it has missed, and reads the invoice. Its memory is the last
number that it has handled; a real one keeps that in its database, in the transaction that handles the event.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

Json = dict[str, Any]

TOPIC = "https://billing.ghasi.example/fhir/SubscriptionTopic/invoice-issued"
BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
WEBHOOK_SECRET = "https://billing.ghasi.example/fhir/StructureDefinition/webhook-secret"  # noqa: S105 - its name
TOLERATED_SECONDS = 300


class ClaimsSystem:
    """What it knows: where the billing service is, its secret, and the last event that it has handled."""

    def __init__(self, base: str, token: str) -> None:
        self.base = base.rstrip("/")
        self.token = token
        self.secret = secrets.token_bytes(32)
        self.subscription = ""
        self.last_handled = 0

    def subscribe(self, endpoint: str) -> None:
        """Ask to be told, over the loopback: `serve --demo` allows it."""
        created = self.call(
            "POST",
            "Subscription",
            {
                "resourceType": "Subscription",
                "status": "requested",
                "reason": "The claims system learns of issued invoices",
                "criteria": TOPIC,
                "channel": {
                    "extension": [
                        {"url": f"{BACKPORT}/backport-max-count", "valuePositiveInt": 20},
                        {"url": WEBHOOK_SECRET, "valueString": "whsec_" + base64.b64encode(self.secret).decode()},
                    ],
                    "type": "rest-hook",
                    "endpoint": endpoint,
                    "payload": "application/fhir+json",
                    "_payload": {
                        "extension": [{"url": f"{BACKPORT}/backport-payload-content", "valueCode": "id-only"}]
                    },
                },
            },
        )
        self.subscription = created["id"]

    def is_genuine(self, headers: Any, body: bytes) -> bool:
        """Whether it was signed with our secret, a short while ago: https://www.standardwebhooks.com"""
        message, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "0")
        if not sent_at.isdigit() or abs(time.time() - int(sent_at)) > TOLERATED_SECONDS:
            return False
        expected = hmac.digest(self.secret, f"{message}.{sent_at}.".encode() + body, "sha256")
        signatures = [each.partition(",")[2] for each in headers.get("webhook-signature", "").split()]
        return any(hmac.compare_digest(base64.b64encode(expected).decode(), each) for each in signatures)

    def take(self, bundle: Json) -> None:
        """Handle a notification: what is known is dropped, what is missing is asked for first."""
        events = events_of(bundle)
        if events and min(events) > self.last_handled + 1:
            missing = f"eventsSinceNumber={self.last_handled + 1}&eventsUntilNumber={min(events) - 1}"
            events = events_of(self.call("GET", f"Subscription/{self.subscription}/$events?{missing}")) | events
        for number in sorted(events):
            if number > self.last_handled:
                self.handle(number, events[number])
                self.last_handled = number

    def handle(self, number: int, focus: str) -> None:
        """Make a claim of an invoice; here it is shown."""
        invoice = self.call("GET", focus.removeprefix(f"{self.base}/"))
        total = invoice.get("totalGross", {})
        print(f"event {number}: Invoice/{invoice['id']} {total.get('value')} {total.get('currency')}", flush=True)

    def call(self, method: str, path: str, document: Json | None = None) -> Json:
        request = urllib.request.Request(  # noqa: S310 - the address is the caller's own
            f"{self.base}/{path}",
            method=method,
            data=None if document is None else json.dumps(document).encode(),
            headers={"authorization": f"Bearer {self.token}", "content-type": "application/fhir+json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            decoded: Json = json.load(answer)
            return decoded


def events_of(bundle: Json) -> dict[int, str]:
    """The focus of each event by its number."""
    found = {}
    for parameter in bundle["entry"][0]["resource"]["parameter"]:
        if parameter["name"] == "notification-event":
            parts = {part["name"]: part for part in parameter["part"]}
            found[int(parts["event-number"]["valueString"])] = parts["focus"]["valueReference"]["reference"]
    return found


def handler_of(claims: ClaimsSystem) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status = 401
            if claims.is_genuine(self.headers, body):
                claims.take(json.loads(body))  # what fails here is sent again
                status = 200
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing of each request."""

    return Handler


def main() -> None:
    base, token, *rest = sys.argv[1:]
    claims = ClaimsSystem(base, token)
    server = HTTPServer(("127.0.0.1", int(rest[0]) if rest else 0), handler_of(claims))
    claims.subscribe(f"http://127.0.0.1:{server.server_port}/notify")
    print(f"subscribed as Subscription/{claims.subscription}; waiting for invoices", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
