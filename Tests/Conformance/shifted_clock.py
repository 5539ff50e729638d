"""A wall clock that a test can move under a running program."""

import mmap
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


class ShiftedClock:
    """Start a program with `environment`, then move its wall clock by `shift`."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        library, file = (Path(self.folder.name) / name for name in ("shifted_clock.so", "shift"))
        compiler = shutil.which("clang") or shutil.which("cc")
        subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
        file.write_bytes(bytes(8))
        with file.open("r+b") as opened:
            self.shifted = mmap.mmap(opened.fileno(), 8)
        self.environment = {"LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(file)}

    def shift(self, seconds):
        """Moves the clock to so many seconds ahead of the system's."""
        self.shifted[:8] = struct.pack("=q", seconds)
