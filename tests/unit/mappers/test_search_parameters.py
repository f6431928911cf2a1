"""The declared search parameters against the official ones, and against the columns that are to serve them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from mappers import MAPPERS, mapper_for
from mappers.extensions import BACKPORT
from storage import tables
from storage.search_parameters import (
    ChildColumn,
    CodeColumn,
    DateColumns,
    IndexRows,
    InstantColumn,
    LocalIdColumn,
    MoneyColumns,
    NumberColumn,
    Places,
    QuantityColumns,
    ReferenceColumn,
    SearchParameter,
    ServedBy,
    TextColumn,
)

OFFICIAL = Path(__file__).parents[2] / "conformance" / "search-parameters.csv"
TABLES = {
    "Account": tables.account,
    "ChargeItem": tables.charge_item,
    "Invoice": tables.invoice,
    "PaymentNotice": tables.payment_notice,
    "PaymentReconciliation": tables.payment_reconciliation,
    "Subscription": tables.subscription,
}
ANY_TYPE_MIN = 100
"""An official list of targets as long as this says that the reference may have any type."""


def official(resource_type: str) -> dict[str, dict[str, str]]:
    with OFFICIAL.open(encoding="utf-8", newline="") as file:
        return {row["code"]: row for row in csv.DictReader(file) if row["resource"] == resource_type}


def columns(served_by: ServedBy) -> list[str]:
    match served_by:
        case DateColumns(name):
            return [f"{name}_low", f"{name}_high"]
        case QuantityColumns(name):
            return [f"{name}_value", f"{name}_system", f"{name}_code"]
        case MoneyColumns(name):
            return [f"{name}_minor", f"{name}_currency", f"{name}_scale"]
        case IndexRows() | ChildColumn() | Places():
            return []
        case _:
            return [served_by.name]


def declared_by(resource_type: str) -> dict[str, SearchParameter]:
    return {each.code: each for each in mapper_for(resource_type).search_parameters if not each.code.startswith("_")}


def is_official(parameter: SearchParameter) -> bool:
    return not parameter.description and not parameter.url.startswith(BACKPORT)


def test_the_parameters_of_the_backport_guide_are_declared_as_the_guide_has_them() -> None:
    of_guide = [each for each in declared_by("Subscription").values() if each.url.startswith(BACKPORT)]

    assert {(each.code, each.type) for each in of_guide} == {
        ("filter-criteria", "string"),
        ("payload-type", "string"),
        ("topic", "uri"),
    }
    for each in of_guide:
        assert each.url == f"{BACKPORT}/SearchParameter/Subscription-{each.code}"


@pytest.mark.parametrize("resource_type", MAPPERS)
def test_every_official_parameter_is_declared_as_the_specification_has_it(resource_type: str) -> None:
    declared = {code: each for code, each in declared_by(resource_type).items() if is_official(each)}
    wanted = official(resource_type)

    assert declared.keys() == wanted.keys()
    for code, parameter in declared.items():
        row = wanted[code]
        targets = row["target"].split()
        assert (parameter.type, parameter.expression, parameter.url) == (row["type"], row["expression"], row["url"])
        assert set(parameter.targets) == (set() if len(targets) > ANY_TYPE_MIN else set(targets))
        assert list(parameter.comparators) == row["comparator"].split()


def test_our_own_parameters_find_what_the_specification_has_no_parameter_for() -> None:
    ours = {(name, each.code) for name in MAPPERS for each in declared_by(name).values() if each.description}

    assert ours == {
        ("ChargeItem", "status"),
        ("Invoice", "charge"),
        ("PaymentReconciliation", "account"),
        ("PaymentReconciliation", "invoice"),
    }
    for resource_type, code in ours:
        assert code not in official(resource_type)
        assert declared_by(resource_type)[code].url.endswith(f"/SearchParameter/{resource_type}-{code}")


@pytest.mark.parametrize("resource_type", MAPPERS)
def test_the_parameters_of_all_resources_are_declared_too(resource_type: str) -> None:
    wanted = official("Resource")
    declared = [each for each in mapper_for(resource_type).search_parameters if each.code.startswith("_")]

    assert [each.code for each in declared] == ["_id", "_lastUpdated", "_profile", "_security", "_source", "_tag"]
    for parameter in declared:
        row = wanted[parameter.code]
        assert (parameter.type, parameter.expression, parameter.url) == (row["type"], row["expression"], row["url"])


@pytest.mark.parametrize("resource_type", MAPPERS)
def test_every_parameter_is_served_by_columns_or_index_rows_that_exist(resource_type: str) -> None:
    mapper = mapper_for(resource_type)
    for parameter in mapper.search_parameters:
        missing = [name for name in columns(parameter.served_by) if name not in TABLES[resource_type].columns]
        assert missing == [], parameter.code
        if isinstance(parameter.served_by, IndexRows):
            assert mapper.index_parameters[parameter.served_by.parameter] == parameter.type


@pytest.mark.parametrize("resource_type", MAPPERS)
def test_a_parameter_is_served_by_a_column_that_fits_its_type(resource_type: str) -> None:
    fitting = {
        "token": (CodeColumn, IndexRows),
        "reference": (ReferenceColumn, LocalIdColumn, IndexRows, ChildColumn, Places),
        "date": (DateColumns, InstantColumn),
        "string": (TextColumn, IndexRows),
        "number": (NumberColumn,),
        "quantity": (QuantityColumns, MoneyColumns),
        "uri": (TextColumn, IndexRows),
    }
    for parameter in mapper_for(resource_type).search_parameters:
        assert isinstance(parameter.served_by, fitting[parameter.type]), parameter.code
