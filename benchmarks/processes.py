"""CPU time and memory of everything that one launch command started, from /proc (Linux)."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def of_session(leader: int) -> list[int]:
    """Return the running processes of the session that ``leader`` began."""
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and _in_session(int(pid), leader)]


def cpu_seconds(pids: list[int], with_children: bool = False) -> float:
    """Return the CPU time of ``pids``; with that of their children that have ended, where asked for."""
    return sum(sum(map(int, _stat(pid)[11: 15 if with_children else 13])) for pid in pids if _stat(pid)) / _TICKS


def pss_mib(pids: list[int]) -> float:
    """Return the memory of ``pids`` with shared pages counted by their share, in MiB."""
    return sum(_pss_kib(pid) for pid in pids) / 1024


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on, empty where the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return []


def _in_session(pid: int, leader: int) -> bool:
    fields = _stat(pid)
    return bool(fields) and fields[0] != "Z" and int(fields[3]) == leader


def _pss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
