"""Some jobs at a time: in processes of this machine, or on the workers of a Ray cluster."""

import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any

from rayloom.errors import InputError
from rayloom.sweeps.jobs import TRIES, Done, Job, run_job

Listener = Callable[[Job, Done], None]


def run_jobs(jobs: Sequence[Job], workers: int, on_done: Listener, *, on_ray: bool) -> None:
    """Do all jobs, so many at a time, and tell of each that ends, whichever way.

    Raises InputError where Ray is wanted and is not installed.
    """
    if on_ray:
        _on_ray(jobs, workers, on_done)
    else:
        _here(jobs, workers, on_done)


def check_workers(workers: int) -> None:
    """Raise InputError unless there is a worker."""
    if workers < 1:
        raise InputError("--workers", f"is {workers}; expected a positive number")


def core_shares(workers: int) -> list[tuple[int, ...]]:
    """The cores of this process, shared out; workers have one each where there are fewer cores."""
    if not hasattr(os, "sched_getaffinity"):
        return [()] * workers
    cores = sorted(os.sched_getaffinity(0))
    return [tuple(cores[i::workers]) or (cores[i % len(cores)],) for i in range(workers)]


def _here(jobs: Sequence[Job], workers: int, on_done: Listener) -> None:
    stopped = threading.Event()
    shares: queue.SimpleQueue[tuple[int, ...]] = queue.SimpleQueue()
    for share in core_shares(workers):
        shares.put(share)

    def work(job: Job) -> Done:
        share = shares.get()
        try:
            return run_job(job, share, stopped.is_set)
        except InputError as error:
            return Done(None, f"error: {error}")
        finally:
            shares.put(share)

    with ThreadPoolExecutor(workers) as pool:
        futures = {pool.submit(work, job): job for job in jobs}
        try:
            for future in as_completed(futures):
                on_done(futures[future], future.result())
        except BaseException:
            stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _on_ray(jobs: Sequence[Job], workers: int, on_done: Listener) -> None:
    with _cluster(workers) as ray:
        # Ray begins a task again whose worker was lost; the job then goes on from its last checkpoint.
        remote = ray.remote(num_cpus=1, max_retries=TRIES)(run_job)
        waiting, running = list(reversed(jobs)), dict[Any, Job]()
        while waiting or running:
            while waiting and len(running) < workers:
                job = waiting.pop()
                running[remote.remote(job)] = job
            (ended, *_), _ = ray.wait(list(running))
            try:
                done = ray.get(ended)
            except (ray.exceptions.RayError, InputError) as error:
                done = Done(None, f"error: {' '.join(str(error).split())}")
            on_done(running.pop(ended), done)


@contextmanager
def _cluster(workers: int) -> Iterator[Any]:
    """Ray, on the cluster that RAY_ADDRESS names, or on one of this machine that ends with the block."""
    # Ray would tell its makers of each cluster.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            "--ray", "Ray is not installed; expected `pip install 'rayloom[ray]'`, or no --ray"
        ) from error
    own: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False}
    ray.init(log_to_driver=False, logging_level=logging.ERROR, **({} if "RAY_ADDRESS" in os.environ else own))
    try:
        yield ray
    finally:
        ray.shutdown()
