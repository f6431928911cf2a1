"""The invariants of the data types and resources, by the keys that the definitions give them.

An invariant must stand any JSON inside the object that it looks at: what has the wrong type is another check's to
report, and counts as not there. `is_there` is FHIRPath's exists(): an element may consist of extensions only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from mappers.r4.faults import Fault, Rule, Scope, one
from mappers.r4.periods import is_later

UCUM = "http://unitsofmeasure.org"

INVARIANTS: dict[str, Rule] = {}


def invariant(key: str, message: str, path: str = "") -> Callable[[Callable[[dict[str, Any]], bool]], Rule]:
    """Registers a predicate that says whether an object keeps the invariant; the message says what to mend."""

    def register(is_kept: Callable[[dict[str, Any]], bool]) -> Rule:
        broken = one(key, f"{message} ({key})", "invariant", path)

        def rule(value: dict[str, Any], _scope: Scope) -> list[Fault] | None:
            return None if is_kept(value) else broken

        INVARIANTS[key] = rule
        return rule

    return register


def is_there(value: dict[str, Any], name: str) -> bool:
    return name in value or "_" + name in value


def has_choice(value: dict[str, Any], name: str) -> bool:
    """Whether the choice element `name[x]` is there, with a value or with extensions only."""
    return any(key.lstrip("_").startswith(name) and key.lstrip("_")[len(name) :][:1].isupper() for key in value)


def text(value: dict[str, Any], name: str) -> str | None:
    found = value.get(name)
    return found if isinstance(found, str) else None


def number(value: dict[str, Any], name: str) -> Decimal | int | None:
    found = value.get(name)
    if isinstance(found, bool) or not isinstance(found, (int, Decimal)):
        return None
    return found if Decimal(found).is_finite() else None


def child(value: dict[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def children(value: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = value.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def are_distinct(values: Iterable[Any]) -> bool:
    listed = [value for value in values if value is not None]
    return len(set(listed)) == len(listed)


def implies(condition: bool, consequence: bool) -> bool:
    return consequence or not condition


# Quantities ----------------------------------------------------------------------------------------------------------


@invariant("qty-3", "A quantity with a code for its unit needs the system of the code.")
def _qty_3(value: dict[str, Any]) -> bool:
    return implies(is_there(value, "code"), is_there(value, "system"))


def _is_coded_ucum(value: dict[str, Any]) -> bool:
    return implies(is_there(value, "value"), is_there(value, "code")) and (
        not is_there(value, "system") or text(value, "system") == UCUM
    )


@invariant("age-1", f"An age needs a code for its unit, the system {UCUM} and a value above 0.")
def _age_1(value: dict[str, Any]) -> bool:
    years = number(value, "value")
    return _is_coded_ucum(value) and (years is None or years > 0)


@invariant("cnt-3", f'A count is a whole number with the code "1" of {UCUM}.')
def _cnt_3(value: dict[str, Any]) -> bool:
    count = number(value, "value")
    is_whole = not isinstance(count, Decimal) or "." not in str(count)
    return _is_coded_ucum(value) and is_whole and (not is_there(value, "code") or text(value, "code") == "1")


@invariant("dis-1", f"A distance needs a code for its unit, of {UCUM}.")
def _dis_1(value: dict[str, Any]) -> bool:
    return _is_coded_ucum(value)


@invariant("drt-1", f"A duration with a code needs a value, and the system {UCUM}.")
def _drt_1(value: dict[str, Any]) -> bool:
    return implies(is_there(value, "code"), text(value, "system") == UCUM and is_there(value, "value"))


@invariant("rng-2", "The low value of a range must not be above its high value.")
def _rng_2(value: dict[str, Any]) -> bool:
    low, high = child(value, "low"), child(value, "high")
    bottom, top = number(low, "value"), number(high, "value")
    # Values in two units cannot be compared without converting them, and then nothing is said.
    same_unit = all(low.get(name) == high.get(name) for name in ("unit", "system", "code"))
    return bottom is None or top is None or not same_unit or bottom <= top


@invariant("rat-1", "A ratio has both numerator and denominator, or neither and an extension.")
def _rat_1(value: dict[str, Any]) -> bool:
    has_both = "numerator" in value and "denominator" in value
    return has_both or ("numerator" not in value and "denominator" not in value and "extension" in value)


# Other data types ----------------------------------------------------------------------------------------------------


@invariant("per-1", "A period must not end before it starts; swap or mend start and end.")
def _per_1(value: dict[str, Any]) -> bool:
    start, end = text(value, "start"), text(value, "end")
    return start is None or end is None or start == end or not is_later(start, end)


@invariant("ext-1", "An extension has either a value or nested extensions, not both and not neither.")
def _ext_1(value: dict[str, Any]) -> bool:
    return ("extension" in value) != has_choice(value, "value")


@invariant("att-1", "An attachment with data needs its contentType.")
def _att_1(value: dict[str, Any]) -> bool:
    return implies(is_there(value, "data"), is_there(value, "contentType"))


@invariant("cpt-2", "A contact point with a value needs its system (phone, email ...).")
def _cpt_2(value: dict[str, Any]) -> bool:
    return implies(is_there(value, "value"), is_there(value, "system"))


@invariant("exp-1", "An expression needs the expression or a reference to it.")
def _exp_1(value: dict[str, Any]) -> bool:
    return is_there(value, "expression") or is_there(value, "reference")


@invariant("drq-1", "A code filter has either a path or a searchParam.")
def _drq_1(value: dict[str, Any]) -> bool:
    return is_there(value, "path") != is_there(value, "searchParam")


@invariant("drq-2", "A date filter has either a path or a searchParam.")
def _drq_2(value: dict[str, Any]) -> bool:
    return is_there(value, "path") != is_there(value, "searchParam")


@invariant("trd-1", "A trigger has either a timing or data requirements.")
def _trd_1(value: dict[str, Any]) -> bool:
    return "data" not in value or not has_choice(value, "timing")


@invariant("trd-2", "A trigger has a condition only with data requirements.")
def _trd_2(value: dict[str, Any]) -> bool:
    return implies("condition" in value, "data" in value)


@invariant("trd-3", "A named event needs a name, a periodic event a timing, and a data event data.")
def _trd_3(value: dict[str, Any]) -> bool:
    kind = text(value, "type") or ""
    return (
        implies(kind == "named-event", is_there(value, "name"))
        and implies(kind == "periodic", has_choice(value, "timing"))
        and implies(kind.startswith("data-"), "data" in value)
    )


# Timing.repeat -------------------------------------------------------------------------------------------------------


@invariant("tim-1", "A duration needs its durationUnit.")
def _tim_1(value: dict[str, Any]) -> bool:
    return implies(is_there(value, "duration"), is_there(value, "durationUnit"))


@invariant("tim-2", "A period needs its periodUnit.")
def _tim_2(value: dict[str, Any]) -> bool:
    return implies(is_there(value, "period"), is_there(value, "periodUnit"))


@invariant("tim-4", "A duration must not be negative.")
def _tim_4(value: dict[str, Any]) -> bool:
    return (number(value, "duration") or 0) >= 0


@invariant("tim-5", "A period must not be negative.")
def _tim_5(value: dict[str, Any]) -> bool:
    return (number(value, "period") or 0) >= 0


@invariant("tim-6", "A periodMax needs a period.")
def _tim_6(value: dict[str, Any]) -> bool:
    return implies(is_there(value, "periodMax"), is_there(value, "period"))


@invariant("tim-7", "A durationMax needs a duration.")
def _tim_7(value: dict[str, Any]) -> bool:
    return implies(is_there(value, "durationMax"), is_there(value, "duration"))


@invariant("tim-8", "A countMax needs a count.")
def _tim_8(value: dict[str, Any]) -> bool:
    return implies(is_there(value, "countMax"), is_there(value, "count"))


@invariant("tim-9", "An offset needs a `when`, and one that is not C, CM, CD or CV.")
def _tim_9(value: dict[str, Any]) -> bool:
    when = value.get("when")
    meals = {code for code in when if isinstance(code, str)} if isinstance(when, list) else set()
    return implies(is_there(value, "offset"), is_there(value, "when") and not meals & {"C", "CM", "CD", "CV"})


@invariant("tim-10", "A timing has either timeOfDay or when.")
def _tim_10(value: dict[str, Any]) -> bool:
    return not (is_there(value, "timeOfDay") and is_there(value, "when"))
