"""What every result says about where it was measured, and how programs are run and timed."""
import json
import os
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def cpu_model():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"


def commit():
    def git(*words):
        return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True).stdout
    if not shutil.which("git"):
        return "unknown"
    return git("rev-parse", "--short=12", "HEAD").strip() + ("+" if git("diff", "HEAD") else "")


def describe():
    """load: what else ran when the measurement began; a busy machine slows both sides alike only
    where they are interleaved."""
    return {"machine": cpu_model(), "cores": len(os.sched_getaffinity(0)),
            "load": round(os.getloadavg()[0], 2), "commit": commit(),
            "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def say(text):
    print(text, file=sys.stderr, flush=True)


def run_json(command, core=None):
    """Runs a program that prints JSON, on one core when asked; adds the time it took as a whole."""
    def pin():
        if core is not None:
            os.sched_setaffinity(0, {core})
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=pin)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]} failed with exit {process.returncode}")
    result = json.loads(text)
    result["process_wall_s"] = time.monotonic() - start
    result["process_cpu_s"] = usage.ru_utime + usage.ru_stime
    return result


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
