"""What an answer costs in memory depends on what it shows, and not on how much there is behind it."""

from __future__ import annotations

import gc
import tracemalloc

from tests.integration.serving import Hospital, Json, body

PAGE = 10


async def peak_of(hospital: Hospital, url: str) -> int:
    """The most memory that was held while a request was answered, in bytes."""
    gc.collect()
    tracemalloc.start()
    answer = await hospital.http.get(url)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code == 200, answer.text
    assert len(body(answer)["entry"]) == PAGE
    return peak


def following(bundle: Json) -> str | None:
    return next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)


async def test_a_page_of_a_history_takes_no_more_when_the_history_is_long(hospital: Hospital) -> None:
    name = f"Account/{(await hospital.account())['id']}"

    async def change(count: int) -> None:
        for number in range(count):
            account = {**await hospital.read(name), "name": f"{number} of {count}"}
            assert (await hospital.http.put(name, json=account)).status_code == 200

    for path in (f"{name}/_history", "Account/_history", "_history"):
        assert (await hospital.http.get(path)).status_code == 200
    await change(2 * PAGE)
    paths = (f"{name}/_history?_count={PAGE}", f"Account/_history?_count={PAGE}", f"_history?_count={PAGE}")
    # The first time whatever is made once is made too.
    short = {path: min([await peak_of(hospital, path) for _ in range(3)]) for path in paths}
    await change(10 * PAGE)
    for path, peak in short.items():
        assert min([await peak_of(hospital, path) for _ in range(3)]) < 1.5 * peak, path


async def test_the_last_page_of_a_search_takes_no_more_than_the_first(hospital: Hospital) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "resource": {"resourceType": "Account", "status": "active", "name": f"n{number}"},
                "request": {"method": "POST", "url": "Account"},
            }
            for number in range(30 * PAGE)
        ],
    }
    assert (await hospital.http.post("", json=bundle)).status_code == 200
    first = f"Account?_sort=-name&_count={PAGE}"
    url: str | None = first
    last = first
    while url is not None:
        last = url
        url = following(body(await hospital.http.get(url)))
    assert last != first
    peaks = {url: min([await peak_of(hospital, url) for _ in range(3)]) for url in (first, last)}
    assert peaks[last] < 1.5 * peaks[first]
