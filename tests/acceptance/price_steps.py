"""What the machine does about prices: versions of a list come into force, and charges that waited are settled."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from tests.acceptance.books import Request
from tests.acceptance.drawing import often, rarely
from tests.acceptance.reference_model import Fields
from tests.acceptance.tenant_life import TenantLife

_unit_prices = st.one_of(st.integers(0, 50), st.integers(100, 20_000), st.just(10**12))


class PriceSteps(TenantLife):
    def publish_prices(self, data: st.DataObject) -> None:
        drawing = self.drawing(data)
        start = drawing.day(data.draw(st.sampled_from([500, 120, 60, 30, 1, 0, -1])))
        assert start is not None
        length = data.draw(st.sampled_from([0, 20, 90, 400]))
        version: Fields = {
            "from": start,
            "to": None if data.draw(often) else start + timedelta(days=length - (1 if data.draw(rarely) else 0)),
            "prices": data.draw(
                st.dictionaries(st.sampled_from(["AFN", "AFN", "JPY", "KWD"]), _unit_prices, min_size=1, max_size=3)
            ),
            "discount": data.draw(st.sampled_from([0, 0, 10, 33, 100])),
            "exemption": data.draw(st.sampled_from([0, 50, 100])),
        }
        request = Request("publish", "PriceList/standard", version, self.key(data))
        self.send(request, lambda _: self.model.publish(version))
        if data.draw(often):
            self.settle_waiting(data)

    def end_prices(self, data: st.DataObject) -> None:
        drawing = self.drawing(data)
        number = data.draw(st.integers(1, len(self.model.price_versions) + (1 if data.draw(rarely) else 0) or 1))
        last = drawing.day(data.draw(st.sampled_from([100, 29, 10, 0, -1, -400])))
        assert last is not None
        if self.model.price_versions:
            request = Request("end-prices", "PriceList/standard", {"version": number, "to": last}, self.key(data))
            self.send(request, lambda _: self.model.end_prices(number, last))

    def settle_waiting(self, data: st.DataObject) -> None:
        if data.draw(often):
            self.send(
                Request("settle-unpriced", "ChargeItem", {}, self.key(data)), lambda _: self.model.settle_unpriced()
            )
        else:
            request = Request("settle-without-account", "ChargeItem", {}, self.key(data))
            self.send(request, lambda _: self.model.settle_without_account())
