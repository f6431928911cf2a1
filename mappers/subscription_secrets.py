"""What is secret of a subscription's channel: it is kept apart, and a mask stands in its place in every version.

A client that reads a subscription and sends it back sends the masks; they mean the values that are kept.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

from ledger.errors import Category, Problem, Refusal
from mappers.extensions import WEBHOOK_SECRET

MASK = "********"
HEADERS_MAX = 20
HEADER_CHARACTERS_MAX = 4096
SECRET_BYTES = range(24, 65)
SECRET_PREFIX = "whsec_"  # noqa: S105 - what a secret begins with, by https://www.standardwebhooks.com

_HEADER = re.compile(r"(?P<name>[A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*(?P<value>[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?)")
_NOT_YOURS = frozenset(
    {"connection", "content-encoding", "content-length", "content-type", "expect", "host", "keep-alive"}
    | {"te", "trailer", "transfer-encoding", "upgrade"}
)


@dataclass(frozen=True, slots=True)
class ChannelSecrets:
    """Headers as `Name: value`, and the key that signs (`whsec_...`)."""

    headers: tuple[str, ...] = ()
    signing_key: str | None = None


NO_SECRETS = ChannelSecrets()


def take_secrets(document: dict[str, Any], kept: ChannelSecrets = NO_SECRETS) -> ChannelSecrets:
    """The secrets of a valid Subscription, which has masks in their places afterwards.

    A mask that was sent means the value that is `kept` under the same name. Refused where there is none, and where a
    header or a key cannot be used.
    """
    channel = document["channel"]
    problems: list[Problem] = []
    headers = _headers(channel, kept, problems)
    key = _signing_key(channel, kept, problems)
    if problems:
        raise Refusal(problems)
    return ChannelSecrets(tuple(headers), key)


def signing_bytes(key: str) -> bytes:
    """The bytes of a key that was accepted."""
    return base64.b64decode(key.removeprefix(SECRET_PREFIX))


def _headers(channel: dict[str, Any], kept: ChannelSecrets, problems: list[Problem]) -> list[str]:
    sent = channel.get("header", [])
    if len(sent) > HEADERS_MAX:
        problems.append(
            _problem("header-invalid", f"Send at most {HEADERS_MAX} headers.", "Subscription.channel.header")
        )
        return []
    found: list[str] = []
    for at, text in enumerate(sent):
        if text is None:
            continue
        read = _HEADER.fullmatch(text) if len(text) <= HEADER_CHARACTERS_MAX else None
        place = f"Subscription.channel.header[{at}]"
        if read is None:
            message = "A header reads Name: value, of printable ASCII, in one line."
            problems.append(_problem("header-invalid", message, place))
            continue
        name = read["name"].lower()
        if name in _NOT_YOURS or name.startswith("webhook-"):
            problems.append(_problem("header-invalid", f"The server sets {read['name']} itself; leave it out.", place))
            continue
        if read["value"] == MASK:
            # Of several headers of one name, the next one in order.
            earlier = sum(each.partition(":")[0].lower() == name for each in found)
            before = [each for each in kept.headers if each.partition(":")[0].lower() == name]
            if earlier >= len(before):
                message = f"This is the mask of a value, and no value of {read['name']} is kept; send the value."
                problems.append(_problem("masked-value-unknown", message, place))
                continue
            found.append(before[earlier])
        else:
            found.append(text)
        channel["header"][at] = f"{read['name']}: {MASK}"
    return found


def _signing_key(channel: dict[str, Any], kept: ChannelSecrets, problems: list[Problem]) -> str | None:
    key: str | None = None
    for at, extension in enumerate(channel.get("extension", ())):
        if extension.get("url") != WEBHOOK_SECRET:
            continue
        place = f"Subscription.channel.extension[{at}].value"
        text = extension.get("valueString")
        if key is not None or text is None:
            problems.append(_problem("webhook-secret-invalid", "Send one webhook-secret, as valueString.", place))
        elif text == MASK and kept.signing_key is None:
            message = "This is the mask of a secret, and no secret is kept; send the secret."
            problems.append(_problem("masked-value-unknown", message, place))
        elif text == MASK:
            key = kept.signing_key
        elif not _is_key(text):
            message = f"Send {SECRET_PREFIX} and 24 to 64 random bytes in base64."
            problems.append(_problem("webhook-secret-invalid", message, place))
        else:
            key = text
        extension["valueString"] = MASK
    return key


def _is_key(text: str) -> bool:
    try:
        decoded = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return text.startswith(SECRET_PREFIX) and len(decoded) in SECRET_BYTES


def _problem(code: str, message: str, place: str) -> Problem:
    return Problem(Category.RULE_BROKEN, code, message, place, "value")
