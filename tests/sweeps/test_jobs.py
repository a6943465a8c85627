"""A job is done once, whatever happens to its process."""

from pathlib import Path

import pytest

from rayloom.errors import InputError
from rayloom.sweeps.jobs import RESULT, TRIES, Job, Stopped, run_job
from rayloom.training.locking import locked
from tests.sweeps.pretended import calls, pretended


def test_a_job_that_was_done_is_not_done_again(tmp_path: Path):
    job = pretended(tmp_path / "run")
    done = run_job(job, cores=(0,))
    assert done.output == {"folder": str(tmp_path / "run"), "cores": 1}
    assert done.tries == 1
    again = run_job(job)
    assert (again.output, again.tries) == (done.output, 0)
    assert calls(tmp_path / "run") == ["begin"]


def test_a_result_that_cannot_be_read_is_made_again(tmp_path: Path):
    job = pretended(tmp_path / "run")
    done = run_job(job, cores=(0,))
    (tmp_path / "run" / RESULT).write_text('{"output": 3')
    again = run_job(job, cores=(0,))
    assert (again.output, again.tries) == (done.output, 1)


def test_a_process_that_is_killed_is_followed_by_one_that_goes_on(tmp_path: Path):
    done = run_job(pretended(tmp_path / "run", "killed-2"))
    assert done.output is not None
    assert done.tries == 3
    assert calls(tmp_path / "run") == ["begin", "resume", "resume"]


def test_a_process_that_is_killed_again_and_again_is_given_up(tmp_path: Path):
    done = run_job(pretended(tmp_path / "run", "killed-9"))
    assert (done.output, done.tries) == (None, TRIES)
    assert done.message == f"was ended by SIGKILL, {TRIES} times"
    # The next sweep tries once more.
    assert run_job(pretended(tmp_path / "run")).output is not None


def test_a_refusal_is_told_and_not_repeated(tmp_path: Path):
    done = run_job(pretended(tmp_path / "run", "refuses"))
    assert (done.output, done.message, done.tries) == (None, "error: photo 7: is torn", 1)
    assert calls(tmp_path / "run") == ["begin"]


def test_a_run_without_a_checkpoint_is_begun_anew(tmp_path: Path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text("{")
    (tmp_path / "run" / "checkpoints").mkdir()
    assert run_job(pretended(tmp_path / "run")).output is not None
    assert calls(tmp_path / "run") == ["begin"]
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_run_in_which_somebody_trains_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("rayloom.sweeps.jobs.SECONDS_TO_END", 0.2)
    folder = tmp_path / "run"
    folder.mkdir()
    with locked(folder), pytest.raises(InputError, match="another process trains"):
        run_job(pretended(folder))
    assert run_job(pretended(folder)).output is not None


def test_a_job_that_is_stopped_ends_its_process(tmp_path: Path):
    folder = tmp_path / "run"
    with pytest.raises(Stopped):
        run_job(pretended(folder, "waits"), is_stopped=(folder / "checkpoints").exists)
    (folder / "go").touch()
    assert run_job(pretended(folder, "waits")).output is not None
    assert calls(folder) == ["begin", "resume"]


def test_a_command_without_a_folder_keeps_nothing(tmp_path: Path):
    words = ("begin", str(tmp_path / "run"), "none")
    done = run_job(Job("no run", words, words, program="tests.sweeps.program"))
    assert done.output is not None
    assert not (tmp_path / "run" / "result.json").exists()
