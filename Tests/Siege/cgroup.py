"""A memory limit for one process: a control group of its own where the kernel lets us make one (version 1 or 2), else the
resident memory is only watched."""

import os
import threading
import time
from pathlib import Path

V1, V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")


class MemoryLimit:
    def __init__(self, mebibytes):
        self.bytes, self.folder, self.peak_resident = mebibytes << 20, None, 0
        name = f"mlaas-siege-{os.getpid()}"
        for root, limit in ((V1, "memory.limit_in_bytes"), (V2, "memory.max")):
            if not (root / "cgroup.procs").exists():
                continue
            try:
                (root / name).mkdir()
                self.folder = root / name
                (self.folder / limit).write_text(str(self.bytes))
                self.is_v2 = root == V2
                return
            except OSError:
                self.close()

    @property
    def says(self):
        if self.folder is None:
            return "no control group can be made here: resident memory is watched instead"
        return f"control group {self.folder}"

    def enter(self):
        """In the child, before it becomes the program."""
        if self.folder is not None:
            (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def watch(self, pid):
        """Samples the resident memory of a process until it ends."""
        def sample():
            try:
                while True:
                    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                        if line.startswith("VmRSS:"):
                            self.peak_resident = max(self.peak_resident, int(line.split()[1]) << 10)
                    time.sleep(0.05)
            except OSError:
                pass
        threading.Thread(target=sample, daemon=True).start()

    def take_peak(self):
        """The highest resident memory in MiB since the last call."""
        peak, self.peak_resident = self.peak_resident, 0
        return peak / (1 << 20)

    def kills(self):
        """How often the kernel ended a process for its memory."""
        if self.folder is None:
            return 0
        name = "memory.events" if self.is_v2 else "memory.oom_control"
        for line in (self.folder / name).read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
        return 0

    def close(self):
        if self.folder is not None:
            for _ in range(50):
                try:
                    self.folder.rmdir()
                    break
                except OSError:
                    time.sleep(0.1)
            self.folder = None
