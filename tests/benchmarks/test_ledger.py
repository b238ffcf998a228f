"""What was measured once is not measured again, whatever interrupted the benchmark."""

from pathlib import Path

from benchmarks.ledger import Ledger


def test_what_is_in_the_file_is_not_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "found.jsonl"
    assert Ledger(path).measured({"rate": 0.1, "seed": 0}, lambda: [1.5]) == [1.5]
    assert Ledger(path).measured({"seed": 0, "rate": 0.1}, lambda: [2.5]) == [1.5]
    assert Ledger(path).measured({"seed": 1, "rate": 0.1}, lambda: [2.5]) == [2.5]


def test_a_line_that_was_cut_short_is_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "found.jsonl"
    Ledger(path).measured({"seed": 0}, lambda: 1)
    path.write_text(path.read_text() + '{"of": {"seed": 1}, "fou')
    ledger = Ledger(path)
    assert ledger.measured({"seed": 1}, lambda: 2) == 2
    assert ledger.measured({"seed": 0}, lambda: 3) == 1
    assert len(path.read_text().splitlines()) == 2
