"""Steps of the state machine about the recognition point, which may change while everything else goes on."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from tests.acceptance.books import Request
from tests.acceptance.fields import charge_document, charge_of
from tests.acceptance.reference_model import Fields
from tests.acceptance.tenant_life import TenantLife

POINTS = ("capture", "issue")


class RecognitionSteps(TenantLife):
    def change_recognition(self, data: st.DataObject) -> None:
        self._recognise_at(data.draw(st.sampled_from(POINTS)), self.key(data))

    def grow_old(self, point: str) -> None:
        """Charges of days that are closed by one point, and from today on the other one: both meet on invoices."""
        today = self.model.today = self.local_today()
        for id_, account in list(self.model.accounts.items()):
            for ago in (400, 100, 1):
                fields = charge_of(id_, account, 100 + ago)
                self._capture_old({**fields, "on": (today - timedelta(days=ago)).isoformat()})
        first_day, last_day = today - timedelta(days=420), today - timedelta(days=1)
        request = Request("soft-close", f"Period/{first_day}", {"last_day": last_day})
        self.send(request, lambda _: self.model.soft_close(first_day, last_day))
        self._recognise_at(next(each for each in POINTS if each != point), None)
        assert self.model.points[-1][0] == today

    def _capture_old(self, fields: Fields) -> None:
        self.create(charge_document(fields), None, lambda id_: self.model.capture(id_, fields))

    def _recognise_at(self, point: str, key: str | None) -> None:
        self.model.today = self.local_today()
        request = Request("recognise-at", f"Settings/{point}", {}, key)
        self.send(request, lambda _: self.model.recognise_at(point))
