"""The declarations of what columns own inside extensions.

An extension that the client sent leaves a marker in the residue, `{"url": ...}` without the owned value, which keeps
its place among the others. Markers at the end that stand as the server itself would append them are dropped, so that
a resource has one residue whoever wrote the extension first.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ledger.errors import Refusal
from ledger.money import Money, exponent_of, minor_units_of
from mappers.children import Child
from mappers.extensions import ISO_4217
from mappers.leaves import Leaf, Values
from mappers.reading import Reading
from mappers.residue import Element


class Extension:
    """One extension whose value is owned by declarations about its `value[x]`. It may occur once."""

    __slots__ = ("_companion", "_value", "fields", "paths", "url", "value_key")

    repeats = False

    def __init__(self, url: str, value_key: str, value: Leaf) -> None:
        self.url, self.value_key, self._value = url, value_key, value
        self._companion = f"_{value_key}"
        self.fields = value.fields
        self.paths = tuple(f"extension({url}).{path}" for path in value.paths)

    def is_well_formed(self, extension: Element) -> bool:
        return self.value_key in extension or self._companion in extension

    def take(self, extension: Element, values: Values, reading: Reading) -> None:
        self._value.take(extension, values, reading)

    def put_all(self, markers: list[Element], record: Any) -> list[Element]:
        """The extensions to render, the markers' first: at most one here."""
        extension = markers[0] if markers else {"url": self.url}
        self._value.put(extension, record)
        return [extension] if self.is_well_formed(extension) else []


class Repeated:
    """An extension with parts that may occur many times: each is a record of its own in one list."""

    __slots__ = ("_child", "_field", "fields", "paths", "url")

    repeats = True

    def __init__(self, field: str, url: str, child: Child) -> None:
        self.url, self._field, self._child = url, field, child
        self.fields = (field,)
        self.paths = tuple(f"extension({url}).{path}" for path in child.paths)

    def is_well_formed(self, extension: Element) -> bool:
        return "extension" in extension

    def take(self, extension: Element, values: Values, reading: Reading) -> None:
        parts = {key: extension.pop(key) for key in list(extension) if key != "url"}
        values.setdefault(self._field, []).append(self._child.take(parts, reading))

    def put_all(self, markers: list[Element], record: Any) -> list[Element]:  # noqa: ARG002
        return [{"url": self.url, **self._child.put(child)} for child in getattr(record, self._field)]


class Extensions:
    """The `extension` array of an element, in which some extensions are owned and the rest is residue."""

    __slots__ = ("_held", "_order", "fields", "paths")

    def __init__(self, *held: Extension | Repeated) -> None:
        self._held = {each.url: each for each in held}
        self._order = {each.url: order for order, each in enumerate(held)}
        self.fields = tuple(field for each in held for field in each.fields)
        self.paths = tuple(path for each in held for path in each.paths)

    def take(self, element: Element, values: Values, reading: Reading) -> None:
        extensions = element.get("extension")
        if extensions is None:
            return
        seen = set()
        for position, extension in enumerate(extensions):
            url = extension.get("url")
            held = self._held.get(url)
            if held is None:
                continue
            if url in seen and not held.repeats:
                reading.malformed(f"Send the extension {url} once.", f"extension[{position}]")
                continue
            seen.add(url)
            self._take_one(held, extension, position, values, reading)
        self._drop_usual_end(extensions)
        if not extensions:
            del element["extension"]

    def _take_one(
        self, held: Extension | Repeated, extension: Element, position: int, values: Values, reading: Reading
    ) -> None:
        if not held.is_well_formed(extension):
            wanted = "parts in extension" if isinstance(held, Repeated) else held.value_key
            reading.malformed(f"The extension {held.url} has {wanted}.", f"extension[{position}]")
            return
        noted = len(reading.problems)
        held.take(extension, values, reading)
        if len(reading.problems) != noted:
            reading.place(noted, f"extension[{position}]")

    def _drop_usual_end(self, extensions: list[Element]) -> None:
        """Drop the markers at the end that stand in the order in which `put` appends what has no marker."""
        last = len(self._held)
        while extensions and len(extensions[-1]) == 1:
            url = extensions[-1]["url"]
            order = self._order.get(url, last + 1)
            if order > last or (order == last and not self._held[url].repeats):
                return
            extensions.pop()
            last = order

    def put(self, element: Element, record: Any) -> None:
        places = element.get("extension")
        if places is None:
            rendered = [extension for held in self._held.values() for extension in held.put_all([], record)]
        else:
            rendered = self._put_among(places, record)
        if rendered:
            element["extension"] = rendered
        else:
            element.pop("extension", None)

    def _put_among(self, places: list[Element], record: Any) -> list[Element]:
        waiting = {
            url: held.put_all([place for place in places if place.get("url") == url], record)
            for url, held in self._held.items()
        }
        rendered = []
        for place in places:
            of_kind = waiting.get(place.get("url", ""))
            if of_kind is None:
                rendered.append(place)
            elif of_kind:
                rendered.append(of_kind.pop(0))
        rendered.extend(extension for of_kind in waiting.values() for extension in of_kind)
        return rendered


class ServerAmount:
    """An amount that the server owns: minor units and currency, always shown with the currency's decimals.

    Amounts of one resource may share the currency's field; they are then of one currency.
    """

    __slots__ = ("_currency", "_minor", "fields", "paths")

    def __init__(self, minor_field: str, currency_field: str) -> None:
        self._minor, self._currency = minor_field, currency_field
        self.fields, self.paths = (minor_field, currency_field), ("value", "currency")

    def take(self, element: Element, values: Values, reading: Reading) -> None:
        written, currency = element.pop("value", None), element.pop("currency", None)
        if written is None or currency is None:
            reading.malformed("Send a value and a currency.", "")
            return
        if values.setdefault(self._currency, currency) != currency:
            reading.malformed(f"Send an amount in {values[self._currency]}, as the other one is.", "currency")
            return
        try:
            values[self._minor] = minor_units_of(Decimal(written), currency)
        except Refusal as refusal:
            reading.refuse(refusal, "")

    def put(self, element: Element, record: Any) -> None:
        minor_units = getattr(record, self._minor)
        if minor_units is not None:
            money = Money(getattr(record, self._currency), minor_units)
            element["value"], element["currency"] = money.decimal(), money.currency


class TrueFlag:
    """A boolean that is said when it is true; an explicit false is no different from none, and stays in the residue."""

    __slots__ = ("_field", "_key", "fields", "paths")

    def __init__(self, field: str, key: str) -> None:
        self._field, self._key = field, key
        self.fields, self.paths = (field,), (f"{key}(true)",)

    def take(self, element: Element, values: Values, reading: Reading) -> None:  # noqa: ARG002
        if element.get(self._key) is True:
            del element[self._key]
            values[self._field] = True

    def put(self, element: Element, record: Any) -> None:
        if getattr(record, self._field):
            element[self._key] = True


class CurrencyCoding:
    """The code of the one coding of a CodeableConcept that is an ISO 4217 currency. Its system marks its place."""

    __slots__ = ("_field", "fields", "paths")

    def __init__(self, field: str) -> None:
        self._field = field
        self.fields, self.paths = (field,), (f"coding({ISO_4217}).code",)

    def take(self, element: Element, values: Values, reading: Reading) -> None:
        codings = element.get("coding", [])
        of_currency = [coding for coding in codings if coding.get("system") == ISO_4217]
        if len(of_currency) != 1 or "code" not in of_currency[0]:
            reading.malformed(f"Send one coding of the system {ISO_4217}, with a code.", "coding")
            return
        currency = of_currency[0].pop("code")
        try:
            exponent_of(currency)
        except Refusal as refusal:
            reading.refuse(refusal, f"coding[{codings.index(of_currency[0])}].code")
        values[self._field] = currency
        if codings[-1] == {"system": ISO_4217}:
            codings.pop()
        if not codings:
            del element["coding"]

    def put(self, element: Element, record: Any) -> None:
        currency = getattr(record, self._field)
        if not currency:
            return
        codings = element.setdefault("coding", [])
        for position, coding in enumerate(codings):
            if coding.get("system") == ISO_4217:
                codings[position] = {"system": ISO_4217, "code": currency, **coding}
                return
        codings.append({"system": ISO_4217, "code": currency})
