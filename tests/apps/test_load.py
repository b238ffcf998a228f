"""What ``benchmarks.serving`` measures, held to what was promised, on a cascade of a moment."""

from pathlib import Path

import pytest

from benchmarks.serving import BATCH, REQUESTS, measure


@pytest.mark.slow
def test_under_load_and_attack_it_answers_keeps_its_size_and_draws_what_the_command_line_draws(
    run: Path,
) -> None:
    found = measure(run)
    print(found)
    assert set(found["statuses"]) <= {"200", "429", "503"}
    assert sum(found["statuses"].values()) == REQUESTS
    memory = found["memory_mb"]
    assert memory["last_quarter"] - memory["second_quarter"] < 20
    assert max(memory["after_each_round_of_attacks"]) - memory["before_attacks"] < 60
    assert memory["a_round_after_the_first"] < 5
    expected = {"30 MB": 413, "NaN": 422, "a caption of 100,000 characters": 422}
    assert expected.items() <= found["attacks"].items()
    assert set(found["attacks"].values()) <= {400, 408, 413, 422}
    assert found["next_request"] == found["killed"]["ready"] == 200
    assert found["killed"]["jobs_before"] == found["killed"]["jobs_after"] > 0
    assert found["killed"]["jobs_before"] >= found["statuses"]["200"]
    away = found["steps_of_255_from_inference_py"]
    assert away["full_batches"] == 0, f"the same bytes in batches of {BATCH}"
    assert away["shared_batches"] <= 1
