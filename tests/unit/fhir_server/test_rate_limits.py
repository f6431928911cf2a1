"""Token buckets that several processes share."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_server.rate_limits import RateLimits
from ledger.errors import Category, Refusal
from ledger.tenant import Tenant


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def tenant(id_: str = "kabul", **settings: str) -> Tenant:
    return Tenant(id_, "n", "AF", "AFN", "UTC", settings=settings)


def passed(limits: RateLimits, who: Tenant, client: str, times: int) -> int:
    done = 0
    for _ in range(times):
        try:
            limits.check(who, client)
        except Refusal as refusal:
            assert (refusal.category, refusal.code) == (Category.THROTTLED, "too-many-requests")  # noqa: PT017
        else:
            done += 1
    return done


@pytest.mark.parametrize("is_shared", [True, False])
def test_twice_a_second_s_worth_may_come_at_once_and_then_as_many_as_pass_by(tmp_path: Path, is_shared: bool) -> None:
    clock = Clock()
    limits = RateLimits(str(tmp_path) if is_shared else None, client=10, tenant=0, clock=clock)
    assert passed(limits, tenant(), "his", 50) == 20
    clock.now += 0.5
    assert passed(limits, tenant(), "his", 50) == 5
    clock.now += 3600
    assert passed(limits, tenant(), "his", 50) == 20


def test_clients_and_tenants_do_not_share_a_bucket(tmp_path: Path) -> None:
    limits = RateLimits(str(tmp_path), client=5, tenant=0, clock=Clock())
    assert passed(limits, tenant(), "a", 20) == 10
    assert passed(limits, tenant(), "b", 20) == 10
    assert passed(limits, tenant("dubai"), "a", 20) == 10


def test_all_processes_count_together(tmp_path: Path) -> None:
    clock = Clock()
    workers = [RateLimits(str(tmp_path), client=10, tenant=0, clock=clock) for _ in range(4)]
    assert sum(passed(worker, tenant(), "his", 10) for worker in workers) == 20


def test_a_tenant_has_its_limit_over_all_its_clients_and_may_have_its_own(tmp_path: Path) -> None:
    limits = RateLimits(str(tmp_path), client=0, tenant=10, clock=Clock())
    assert sum(passed(limits, tenant(), f"c{number}", 10) for number in range(10)) == 20
    assert passed(limits, tenant("big", requests_per_second="50"), "his", 200) == 100


def test_many_clients_at_once_are_each_counted(tmp_path: Path) -> None:
    limits = RateLimits(str(tmp_path), client=1, tenant=0, clock=Clock())
    counted = [passed(limits, tenant(), f"c{number}", 5) for number in range(2000)]
    assert set(counted) == {2}


def test_without_limits_nothing_is_counted(tmp_path: Path) -> None:
    assert passed(RateLimits(str(tmp_path), client=0, tenant=0), tenant(), "his", 1000) == 1000
