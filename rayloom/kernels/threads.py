"""How many threads there is work for: the cores that this process may use, shared with torch's own pool."""

import math
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path

import torch

CGROUP = Path("/sys/fs/cgroup")


@cache
def num_threads() -> int:
    """How many threads this process may keep busy: its CPU affinity, cut by the quota of its cgroup."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(affinity, cpu_quota(CGROUP, Path("/proc/self/cgroup")))))


def cpu_quota(root: Path, membership: Path) -> float:
    """CPUs that the cgroups of this process grant (version 2, else version 1), infinity where unlimited."""
    quota = math.inf
    lines = _read(membership).splitlines()
    own = next((line[3:] for line in lines if line.startswith("0::")), "/")
    folder = root / own.lstrip("/")
    for parent in (folder, *folder.parents):
        if root == parent or root in parent.parents:
            quota = min(quota, _ratio(*_read(parent / "cpu.max").split()))
    v1 = root / "cpu"
    return min(quota, _ratio(_read(v1 / "cpu.cfs_quota_us").strip(), _read(v1 / "cpu.cfs_period_us").strip()))


def torch_on_one_thread() -> AbstractContextManager[None]:
    """A context within which torch leaves the other cores to the kernels' threads."""
    return _torch_threads(1)


def torch_on_all_threads() -> AbstractContextManager[None]:
    """A context within which torch may use all cores, for work of its own between kernels."""
    return _torch_threads(num_threads())


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _ratio(quota: str = "max", period: str = "100000") -> float:
    """Quota over period; what is absent, "max" or not positive sets no limit."""
    if not (quota.isdigit() and period.isdigit()) or int(quota) * int(period) == 0:
        return math.inf
    return int(quota) / int(period)
