"""Token buckets that several processes share."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_server.rate_limits import Peer, RateLimits, address_of
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
            limits.check_client(who.id, client)
            limits.check_tenant(who)
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


def test_workers_that_take_ahead_let_no_more_pass_together(tmp_path: Path) -> None:
    workers = [RateLimits(str(tmp_path), client=500, tenant=0, clock=Clock()) for _ in range(4)]
    assert sum(passed(worker, tenant(), "his", 7) for worker in workers * 50) == 1000


def test_what_a_worker_took_ahead_and_did_not_use_is_gone_after_a_second(tmp_path: Path) -> None:
    clock = Clock()
    limits = RateLimits(str(tmp_path), client=500, tenant=0, clock=clock)
    assert passed(limits, tenant(), "his", 995) == 995
    clock.now += 1.5
    assert passed(limits, tenant(), "his", 2000) == 750


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


def failed(limits: RateLimits, address: str, times: int) -> int:
    """How many failures were counted before they were too many."""
    done = 0
    for _ in range(times):
        try:
            limits.count_failure((address, 40000))
        except Refusal as refusal:
            assert (refusal.category, refusal.code) == (Category.THROTTLED, "too-many-failures")  # noqa: PT017
        else:
            done += 1
    return done


def test_failures_of_an_address_are_counted_by_all_processes_and_are_forgiven_in_time(tmp_path: Path) -> None:
    clock = Clock()
    workers = [RateLimits(str(tmp_path), client=0, tenant=0, failures=10, clock=clock) for _ in range(4)]
    assert sum(failed(worker, "10.0.0.1", 10) for worker in workers) == 20
    for worker in workers:
        with pytest.raises(Refusal, match="too-many-failures"):
            worker.check_failures(("10.0.0.1", 1))
        worker.check_failures(("10.0.0.2", 1))
    clock.now += 1
    for worker in workers:
        worker.check_failures(("10.0.0.1", 1))
    assert sum(failed(worker, "10.0.0.1", 10) for worker in workers) == 10


def test_to_look_whether_there_were_too_many_counts_nothing(tmp_path: Path) -> None:
    limits = RateLimits(str(tmp_path), client=0, tenant=0, failures=5, clock=Clock())
    for _ in range(100):
        limits.check_failures(("10.0.0.1", 1))
    assert failed(limits, "10.0.0.1", 100) == 10


def test_failures_of_strangers_take_nothing_from_clients(tmp_path: Path) -> None:
    limits = RateLimits(str(tmp_path), client=5, tenant=5, failures=5, clock=Clock())
    assert failed(limits, "10.0.0.1", 100) == 10
    assert passed(limits, tenant(), "his", 100) == 10


@pytest.mark.parametrize(
    ("peer", "counted"),
    [
        (("10.0.0.1", 1), "10.0.0.1"),
        (("2001:db8:1:2:aaaa::1", 1), "2001:db8:1:2::/64"),
        (("2001:db8:1:2:bbbb::1", 2), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 2), "fe80::/64"),
        (("::ffff:10.0.0.1", 1), "10.0.0.1"),
        (("testclient", 1), "testclient"),
        (None, ""),
    ],
)
def test_who_has_many_addresses_of_ipv6_is_one(peer: Peer, counted: str) -> None:
    assert address_of(peer) == counted
