"""Hypothesis strategies that make arbitrary valid FHIR R4 resources from the definitions table.

`resources("Invoice")` draws decoded JSON (as `mappers.r4.json_text.decode` gives it): any element with any value that
R4 and the limits of money allow - extensions, extensions of primitives, contained resources, decimals with their
zeros, partial dates, text in any script. Modifier extensions are left out, because a server must refuse unknown ones.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from html import escape
from typing import Any

from hypothesis import strategies as st

from ledger.money import AMOUNT_MINOR_MAX, currency_exponents
from mappers.r4.definitions import ElementDefinition, definitions, is_primitive, json_names, resource_types
from mappers.r4.periods import is_later

CURRENCIES = ("AFN", "AED", "USD", "EUR", "JPY", "KWD")
UCUM = "http://unitsofmeasure.org"
DEPTH_MAX = 3
"""Deeper than this only what is required is drawn, and extensions hold primitives."""

Draw = Callable[[st.SearchStrategy[Any]], Any]
Json = dict[str, Any]


@st.composite
def resources(draw: st.DrawFn, type_name: str, *, billing: bool = False) -> Json:
    """A valid resource of the type. With `billing` each Money has a value and all have one currency, and the elements
    that are required have values rather than extensions only."""
    drawing = _Drawing(draw, billing, draw(st.sampled_from(CURRENCIES)))
    value = drawing.complex_value(type_name, 0)
    contained: dict[str, Json] = {}
    while len(contained) < len(drawing.referred):  # a contained resource may refer to a further one
        id_ = next(id_ for id_ in drawing.referred if id_ not in contained)
        contained[id_] = drawing.contained_resource(drawing.referred[id_], id_)
    if contained:
        value["contained"] = list(contained.values())
    return {"resourceType": type_name, **value}


def texts(max_size: int = 20) -> st.SearchStrategy[str]:
    """Text that FHIR allows: any script, tabs and line feeds, never blank."""
    characters = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
    return st.text(characters | st.sampled_from("\t\n\rآبپ ۱٢é😀"), min_size=1, max_size=max_size).filter(
        lambda text: text.strip(" \t\r\n") != ""
    )


def decimals(places_max: int = 6) -> st.SearchStrategy[Decimal | int]:
    """Numbers as JSON writes them: integers, and decimals with all their zeros."""
    scaled = st.builds(
        lambda units, places: Decimal(units).scaleb(-places), st.integers(-(10**12), 10**12), st.integers(1, places_max)
    )
    return st.integers(-(10**12), 10**12) | scaled


@st.composite
def amounts(draw: st.DrawFn, currency: str | None) -> Decimal | int:
    """An amount that the currency can hold, written with more or fewer decimals where they are zeros."""
    exponent = currency_exponents()[currency] if currency else 2
    minor_units = draw(st.integers(-1_000_000, 1_000_000) | st.integers(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX))
    exact = Decimal(minor_units).scaleb(-exponent)
    shorter = exact.normalize()
    least = max(0, -int(shorter.as_tuple().exponent))
    places = draw(st.sampled_from([exponent, exponent, least, exponent + 2]))
    written = exact.quantize(Decimal(1).scaleb(-places)) if places >= least else exact
    return int(written) if places == 0 else written


def _date(precision: int) -> st.SearchStrategy[str]:
    dates = st.dates(min_value=_day(1850), max_value=_day(2150)).map(lambda day: day.isoformat())
    return dates.map(lambda text: text[: (4, 7, 10)[precision]])


def _day(year: int) -> Any:
    from datetime import date

    return date(year, 1, 1)


_dates = st.integers(0, 2).flatmap(_date)
_times = st.builds(
    lambda moment, fraction: moment.isoformat(timespec="seconds") + fraction,
    st.times().map(lambda moment: moment.replace(microsecond=0)),
    st.sampled_from(["", ".5", ".123", ".120", ".123456"]),
)
_zones = st.sampled_from(["Z", "+00:00", "+04:30", "-11:00", "+14:00"])
_instants = st.builds("{}T{}{}".format, _date(2), _times, _zones)
_ids = st.text("ABCXYZabcxyz0189-.", min_size=1, max_size=12)
_codes = st.text("abcXYZ019-_", min_size=1, max_size=10)
_uris = st.one_of(
    _ids.map("https://his.example/{}".format), _ids.map("urn:x-his:{}".format), st.uuids().map("urn:uuid:{}".format)
)

PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "base64Binary": st.binary(min_size=1, max_size=9).map(lambda data: base64.b64encode(data).decode()),
    "boolean": st.booleans(),
    "canonical": st.builds("http://fhir.example/{}{}".format, _ids, st.sampled_from(["", "|1.0", "|2#part"])),
    "code": _codes | st.just("a code"),
    "date": _dates,
    "dateTime": _dates | _instants,
    "decimal": decimals(),
    "id": _ids,
    "instant": _instants,
    "integer": st.integers(-(2**31), 2**31 - 1),
    "markdown": texts(),
    "oid": st.sampled_from(["urn:oid:1.2.3", "urn:oid:2.16.840.1.113883"]),
    "positiveInt": st.integers(1, 2**31 - 1),
    "string": texts(),
    "time": _times,
    "unsignedInt": st.integers(0, 2**31 - 1),
    "uri": _uris,
    "url": _ids.map("https://his.example/{}".format),
    "uuid": st.uuids().map("urn:uuid:{}".format),
}
NOT_ENUMERATED = {
    "languages": st.sampled_from(["en", "fa-AF", "ps", "ar-AE", "zh-Hans-CN", "de-DE-1996"]),
    "mimetypes": st.sampled_from(["text/plain", "application/fhir+json", "application/pdf; version=1.7"]),
}
# What is contained: types without a definition of ours, each with what it needs, and one with a definition.
CONTAINED: dict[str, Json] = {
    "Patient": {"active": True, "birthDate": "1990-02"},
    "Organization": {"name": "شفاخانه", "alias": ["Kabul", "کابل"]},
    "Practitioner": {"name": [{"family": "Karimi"}]},
    "Encounter": {"status": "finished", "class": {"code": "AMB"}},
    "Account": {},
}


@dataclass
class _Drawing:
    """One resource being drawn: the currency of its money, and the contained resources that it refers to so far."""

    draw: Draw
    billing: bool
    currency: str
    referred: dict[str, str] = field(default_factory=dict)

    def complex_value(self, type_name: str, depth: int) -> Json:
        special = getattr(self, f"_{type_name.replace('.', '_').lower()}", None)
        if special is not None:
            made: Json = special(depth)
            return made
        value = self.elements(type_name, depth, without=())
        if type_name in REPAIRS:
            REPAIRS[type_name](value)
        return value

    def elements(self, type_name: str, depth: int, without: tuple[str, ...]) -> Json:
        """The required elements of a type and some others, by the definitions."""
        known = definitions().types[type_name].elements
        free = [name for name, about in known.items() if not about.min and name not in {*NEVER, *without}]
        least, most = (4, 12) if depth == 0 else (0, 3) if depth < DEPTH_MAX else (0, 1)
        least = min(least, len(free))
        chosen = set(self.draw(st.lists(st.sampled_from(free), min_size=least, max_size=most, unique=True)))
        value: Json = {}
        for name, about in known.items():
            if (about.min and name not in without) or name in chosen:
                self.add(value, name, about, depth)
        if not value.keys() - {"id"} and definitions().types[type_name].kind != "resource":
            value["extension"] = [self.extension(DEPTH_MAX)]
        return value

    def add(self, value: Json, name: str, about: ElementDefinition, depth: int) -> None:
        names = json_names(name, about)
        json_name = self.draw(st.sampled_from(sorted(names)))
        type_name = names[json_name]
        one = self.one_of(type_name, about, depth)
        if is_primitive(type_name) and name not in {"id", "div"}:
            self.add_primitive(value, json_name, one, about, depth)
        elif about.many:
            value[json_name] = [one() for _ in range(self.draw(st.integers(1, 2)))]
        else:
            value[json_name] = one()

    def one_of(self, type_name: str, about: ElementDefinition, depth: int) -> Callable[[], Any]:
        if type_name == "Reference":
            return lambda: self.reference(about.targets, depth + 1)
        if not is_primitive(type_name):
            return lambda: self.complex_value(type_name, depth + 1)
        if about.codes in NOT_ENUMERATED:
            return lambda: self.draw(NOT_ENUMERATED[about.codes])
        if about.codes:
            return lambda: self.draw(st.sampled_from(definitions().codes[about.codes]))
        return lambda: self.draw(PRIMITIVES[type_name])

    def add_primitive(
        self, value: Json, name: str, one: Callable[[], Any], about: ElementDefinition, depth: int
    ) -> None:
        """A primitive with its value, with a value and extensions, or (rarely) with extensions only."""
        form = self.draw(st.sampled_from(["value"] * 8 + ["both", "extended"]))
        if form == "extended" and self.billing and about.min:
            form = "both"
        if not about.many:
            if form != "extended":
                value[name] = one()
            if form != "value":
                value["_" + name] = {"extension": [self.extension(depth + 2)]}
        elif form == "value":
            value[name] = [one() for _ in range(self.draw(st.integers(1, 2)))]
        else:
            value[name] = [one(), None if form == "extended" else one()]
            value["_" + name] = [None, {"id": "e1", "extension": [self.extension(depth + 2)]}]

    def extension(self, depth: int, *, nested: bool = False) -> Json:
        url = self.draw(_codes) if nested else self.draw(_ids.map("http://fhir.example/StructureDefinition/{}".format))
        if depth < DEPTH_MAX and self.draw(st.integers(0, 4)) == 0:
            return {"extension": [self.extension(depth + 1, nested=True)], "url": url}
        types = definitions().types["Extension"].elements["value"].types
        kinds = [kind for kind in types if is_primitive(kind) or depth < DEPTH_MAX]
        value: Json = {"url": url}
        kind = self.draw(st.sampled_from(kinds))
        self.add(value, "value", ElementDefinition((kind,), choice=True), depth)
        return value

    def reference(self, targets: tuple[str, ...], depth: int) -> Json:
        kind = self.draw(st.sampled_from(targets or sorted(resource_types())))
        form = self.draw(
            st.sampled_from(["literal"] * 5 + ["history", "absolute", "uuid", "identifier", "display", "#"])
        )
        id_ = self.draw(_ids)
        value: Json = {}
        if form == "#" and kind in CONTAINED:
            self.referred.setdefault(f"c{kind}", kind)
            value["reference"] = f"#c{kind}"
        elif form == "uuid":
            value["reference"] = self.draw(PRIMITIVES["uuid"])
        elif form == "identifier" and depth < DEPTH_MAX:
            value["identifier"] = self.complex_value("Identifier", depth + 1)
        elif form == "display":
            value["display"] = self.draw(texts())
        else:
            base = "https://other.example/fhir/" if form == "absolute" else ""
            value["reference"] = f"{base}{kind}/{id_}{'/_history/2' if form == 'history' else ''}"
        if self.draw(st.integers(0, 5)) == 0:
            value["type"] = kind
        return value

    def contained_resource(self, kind: str, id_: str) -> Json:
        if kind in definitions().types:
            return {"resourceType": kind, **self.elements(kind, DEPTH_MAX, without=("meta",)), "id": id_}
        value: Json = {"resourceType": kind, "id": id_, **CONTAINED[kind]}
        if self.draw(st.booleans()):
            value["extension"] = [self.extension(DEPTH_MAX)]
        return value

    # Types whose invariants say more than the table.

    def _reference(self, depth: int) -> Json:
        return self.reference((), depth)

    def _extension(self, depth: int) -> Json:
        return self.extension(depth)

    def _money(self, _depth: int) -> Json:
        whole = self.billing or self.draw(st.integers(0, 9)) > 0
        currency = self.currency if self.billing else self.draw(st.sampled_from(CURRENCIES))
        value: Json = {"value": self.draw(amounts(currency)), "currency": currency}
        if not whole:
            value.pop(self.draw(st.sampled_from(["value", "currency"])))
        return value

    def _narrative(self, _depth: int) -> Json:
        inner = escape(self.draw(texts()))
        form = self.draw(st.sampled_from(["{}", "<p>{}</p>", "{}&nbsp;<b>b</b>", '<p class="x">{}<br/></p>']))
        div = f'<div xmlns="http://www.w3.org/1999/xhtml">{form.format(inner)}</div>'
        return {"status": self.draw(st.sampled_from(["generated", "additional"])), "div": div}

    def _age(self, _depth: int) -> Json:
        return self._ucum(st.integers(1, 120), "a")

    def _count(self, _depth: int) -> Json:
        return self._ucum(st.integers(0, 99), "1")

    def _distance(self, _depth: int) -> Json:
        return self._ucum(decimals(), "km")

    def _duration(self, _depth: int) -> Json:
        return self._ucum(decimals(), "h")

    def _ucum(self, numbers: st.SearchStrategy[Any], code: str) -> Json:
        return {"value": self.draw(numbers), "system": UCUM, "code": code}

    def _timing_repeat(self, depth: int) -> Json:
        unit = self.draw(st.sampled_from(definitions().codes["units-of-time"]))
        moment = self.draw(st.sampled_from([{"timeOfDay": ["08:00:00"]}, {"when": ["AC"], "offset": 30}, {}]))
        bounds = {"boundsPeriod": self.complex_value("Period", depth + 1)} if self.draw(st.booleans()) else {}
        return {**bounds, "count": 3, "countMax": 5, "period": Decimal("1.0"), "periodUnit": unit, **moment}

    def _triggerdefinition(self, _depth: int) -> Json:
        return {"type": "named-event", "name": self.draw(texts())}

    def _datarequirement(self, _depth: int) -> Json:
        return {"type": "Invoice", "codeFilter": [{"path": "status"}]}


NEVER = frozenset({"modifierExtension", "contained", "implicitRules"})


def _repair_period(value: Json) -> None:
    start, end = value.get("start"), value.get("end")
    if start and end and is_later(start, end):
        value["start"], value["end"] = end, start


def _repair_quantity(value: Json) -> None:
    if "code" in value or "_code" in value:
        value.setdefault("system", UCUM)


def _repair_range(value: Json) -> None:
    low, high = value.get("low", {}), value.get("high", {})
    if "value" in low and "value" in high:
        high["value"] = low["value"]


def _repair_ratio(value: Json) -> None:
    if ("numerator" in value) != ("denominator" in value):
        part = value.get("numerator") or value.get("denominator")
        value["numerator"] = value["denominator"] = part
    elif "numerator" not in value:
        value.setdefault("extension", [{"url": "http://fhir.example/why", "valueString": "unknown"}])


def _require(name: str, needed: str, default: Any) -> Callable[[Json], None]:
    def repair(value: Json) -> None:
        if name in value or "_" + name in value:
            value.setdefault(needed, default)

    return repair


REPAIRS: dict[str, Callable[[Json], None]] = {
    "Period": _repair_period,
    "Quantity": _repair_quantity,
    "SimpleQuantity": _repair_quantity,
    "Range": _repair_range,
    "Ratio": _repair_ratio,
    "Attachment": _require("data", "contentType", "text/plain"),
    "ContactPoint": _require("value", "system", "phone"),
    "Expression": lambda value: value.setdefault("expression", "today()"),
}
