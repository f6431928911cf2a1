"""What a check has done is kept in a file, and read back by the one that goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from billing.check.corruption import Corruption
from billing.check.finding import Finding
from fhir_server.check_journal import CheckJournal, TenantChecked
from ledger.errors import Refusal
from storage.check_journal import Counts

SOUND = TenantChecked("kabul", Counts(10, 20, 15, 9, 5), [])
OFF = TenantChecked("herat", Counts(1, 2, 3, 4, 0), [Finding(Corruption.BALANCE_STALE, "herat", "Account/1", "off")])


def test_what_is_noted_is_read_back_until_all_is_done(tmp_path: Path) -> None:
    journal = CheckJournal(tmp_path / "done", "billing at here")
    assert journal.read() == []
    journal.note(SOUND)
    journal.note(OFF)
    again = CheckJournal(tmp_path / "done", "billing at here")
    assert again.read() == [SOUND, OFF]
    again.finish()
    again.finish()
    assert again.read() == []


def test_a_line_that_was_not_finished_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    journal = CheckJournal(tmp_path / "done", "billing at here")
    journal.note(SOUND)
    whole = (tmp_path / "done").read_text()
    journal.note(OFF)
    text = (tmp_path / "done").read_text()
    for end in range(len(whole), len(text)):
        (tmp_path / "done").write_text(text[:end])
        assert journal.read() == [SOUND]
    journal.note(OFF)
    assert journal.read() == [SOUND, OFF]
    (tmp_path / "done").write_text('{"checki')
    assert journal.read() == []


def test_the_file_of_another_database_and_any_other_file_are_refused(tmp_path: Path) -> None:
    CheckJournal(tmp_path / "done", "billing at there").note(SOUND)
    for content in (None, "notes\n", "[]\n", '{"checking": "billing at here"}\n{"tenant": 1}\n', '"x"\n'):
        if content is not None:
            (tmp_path / "done").write_text(content)
        with pytest.raises(Refusal) as refused:
            CheckJournal(tmp_path / "done", "billing at here").read()
        assert refused.value.code == "resume-file"
