"""Where notifications may be sent: not into the operator's own network, unless the operator says so.

Asked when a subscription is stored, with the URL, and again whenever a connection is made, with the address that the
name has then: a name that was harmless may lead elsewhere later (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

URL_CHARACTERS_MAX = 2048

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Names that mean the inside of some network, whatever they resolve to.
_INTERNAL = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home", ".corp", ".home.arpa", ".svc")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class EndpointRefusedError(ValueError):
    """Nothing may be sent there; the message says why."""


@dataclass(frozen=True, slots=True)
class EndpointPolicy:
    """`allowed` are host names, addresses and networks of the operator's that may be reached, over plain HTTP too."""

    allowed: tuple[str, ...] = ()

    @classmethod
    def of_text(cls, text: str) -> EndpointPolicy:
        """From `BILLING_SUBSCRIPTION_ALLOW`: names, addresses and networks, separated by commas or blanks."""
        return cls(tuple(each.lower().rstrip(".") for each in text.replace(",", " ").split()))

    def check_url(self, url: str) -> None:
        """Raise `EndpointRefusedError` where the URL cannot be an endpoint, whatever its name resolves to."""
        if len(url) > URL_CHARACTERS_MAX or not url.isascii() or any(each <= " " or each == "\x7f" for each in url):
            raise EndpointRefusedError(
                f"An endpoint is a URL of at most {URL_CHARACTERS_MAX} printable ASCII characters."
            )
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise EndpointRefusedError("This is no URL.") from None
        if parts.scheme not in {"https", "http"} or not host or port == 0:
            raise EndpointRefusedError("An endpoint is an https:// URL with a host.")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise EndpointRefusedError("An endpoint has no user, password or fragment; send credentials as a header.")
        host = host.rstrip(".")
        address = _address(host)
        is_listed = self._is_listed(host, address)
        if parts.scheme == "http" and not is_listed:
            raise EndpointRefusedError("Use https: over plain HTTP what is told of patients can be read on the way.")
        if is_listed:
            return
        if address is not None:
            self.check_address(host, host)
        elif _is_internal(host):
            raise EndpointRefusedError(f"{host} is a name inside a network; the operator has not allowed it.")

    def check_address(self, host: str, address: str) -> None:
        """Raise where a connection to the host may not go to this address."""
        found = _address(address)
        if found is None or not (self._is_listed(host.rstrip(".").lower(), found) or is_public(found)):
            raise EndpointRefusedError(f"{host} is at an address inside a network; the operator has not allowed it.")

    def _is_listed(self, host: str, address: _Address | None) -> bool:
        if host in self.allowed:
            return True
        return address is not None and any(
            address.version == network.version and address in network for network in _networks(self.allowed)
        )


PUBLIC_ONLY = EndpointPolicy()


def is_public(address: _Address) -> bool:
    """Whether an address is one of the open internet: not loopback, private, link-local, metadata, multicast ..."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.sixtofour is not None:
            return is_public(address.sixtofour)
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address.teredo is not None or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _is_internal(host: str) -> bool:
    # A name without a dot is looked up in the search domains of the machine; one of digits may be an address after all.
    is_odd_number = all(part.isalnum() and part[:1].isdigit() for part in host.split("."))
    return "." not in host or f".{host}".endswith(_INTERNAL) or is_odd_number


def _address(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


@lru_cache(maxsize=16)
def _networks(allowed: tuple[str, ...]) -> tuple[_Network, ...]:
    found: list[_Network] = []
    for each in allowed:
        try:
            found.append(ipaddress.ip_network(each, strict=False))
        except ValueError:
            continue
    return tuple(found)
