"""Starting Postern from its stage folder, and asking its command line, for make run and make demo."""

import os
import subprocess

from backends.process import Process

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STAGE = os.environ.get("POSTERN_STAGE") or os.path.join(ROOT, "build", "stage")
POSTERN = os.path.join(STAGE, "usr", "local", "bin", "postern")


class CommandFailed(Exception):
    """A command of Postern's refused; the text is what it said."""


def ask(*arguments):
    """Runs a subcommand and returns what it printed."""
    done = subprocess.run([POSTERN, *arguments], text=True, capture_output=True, check=False,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise CommandFailed(f"postern {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def start(folder, config, **popen):
    """Starts it, with its output in folder. Returns the process, which is not ready yet; see wait."""
    out = os.path.join(folder, "postern.out")
    with open(out, "wb") as stdout:
        process = Process([POSTERN, "run", "--config", config], os.path.join(folder, "postern.log"),
                          stdout=stdout, **popen)
    process.out = out
    return process


def wait(process):
    """Until every listener accepts."""
    def is_ready():
        with open(process.out) as said:
            return "ready" in said.read().split("\n")
    process.wait_until(is_ready, 30, "Postern is ready")
