"""The bill of materials says what the lock pins."""

from __future__ import annotations

from fhir_server.commands.sbom import LOCK, bill_of_materials

TEXT = LOCK.read_text(encoding="utf-8")


def test_every_pin_of_the_lock_is_a_component_with_its_hashes() -> None:
    components = bill_of_materials(TEXT)["components"]
    pinned = [line.split("==")[0] for line in TEXT.splitlines() if "==" in line and not line.startswith(" ")]
    assert len(components) == len(pinned) > 20
    assert len({component["bom-ref"] for component in components}) == len(components)
    hashes = sum(each["name"].startswith("sha256") for component in components for each in component["properties"])
    assert hashes == TEXT.count("--hash=sha256:")
    [fastapi] = [component for component in components if component["name"] == "fastapi"]
    assert fastapi["purl"] == f"pkg:pypi/fastapi@{fastapi['version']}"


def test_it_is_the_same_each_time_and_another_for_another_lock() -> None:
    assert bill_of_materials(TEXT) == bill_of_materials(TEXT)
    other = bill_of_materials(TEXT.replace("fastapi==", "fastapi==9."))
    assert other["serialNumber"] != bill_of_materials(TEXT)["serialNumber"]
