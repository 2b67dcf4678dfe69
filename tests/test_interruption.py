"""A command that is interrupted: a sentence, a fit exit status, no process and no file left."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from timeouts import wait_until

from catdog_core.base import files, interruption, processes
from catdog_core.data import datasets

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends the signals of POSIX")

HELD = """
import sys, time, importlib
from catdog_core import __main__ as command
from catdog_core.base import interruption
place, function, when = sys.argv[1].split(":")
def hold(real):
    def held(*given, **options):
        if when == "before":
            print("HELD", flush=True)
            time.sleep(30)
        found = real(*given, **options)
        print("HELD", flush=True)
        for _ in range(2000): time.sleep(0.05)
        return found
    return held
real_ready = interruption.enable_interrupts
def ready():
    real_ready()
    module = importlib.import_module(place)
    owner, _, name = function.rpartition(".")
    owner = getattr(module, owner) if owner else module
    setattr(owner, name, hold(getattr(owner, name)))
if place: interruption.enable_interrupts = ready
sys.argv[1:] = sys.argv[2:]
sys.exit(interruption.run_guarded(command.run))
"""
JOBS = "catdog_core.base.subprocess_jobs"
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
# (command, what is held up, how it goes on): each in another kind of work
MOMENTS = {
    "read": (["check", "{pets}"], "catdog_core.data.photo_scan:_scan_photo:before"),
    "threads": (
        ["pack", "{pets}", "{out}", "--size", "32"],
        "catdog_core.imaging.decode:decode_and_fit:before",
    ),
    "drawn": (["demo", "{out}"], "catdog_core.data.synthetic:draw_pet:before"),
    "zip": (["import", "{zip}"], "catdog_core.data.archives:_write_entry:after"),
    "copy": (
        ["predict", "{model}", "{photo}"],
        "catdog_core.models.model_sandbox:copy_model:after",
    ),
    "checked": (
        ["predict", "{model}", "{photo}"],
        "catdog_core.models.model_sandbox:_wait_for_exit:before",
    ),
    "trial": (
        ["find-rate", "{pets}", "--image-size", "32"],
        "catdog_core.base.subprocess_jobs:_read_events:after",
    ),
    "export": (["export", "default", "h5", "{out}"], f"{JOBS}:_read_events:after"),
    "sheet": (["augment", "{photo}", "{out}"], "catdog_core.analysis.plots:_write_figures:before"),
    "evaluated": (
        ["evaluate", "default", "{pets}"],
        "catdog_core.base.library_output:import_tensorflow:after",
    ),
    "map": (["plot", "nothing", "{out}"], "catdog_core.runs.model_registry:find_run:before"),
    "lists": (["runs"], "catdog_core.runs:list_runs:before"),
}
QUICK = {("zip", "SIGHUP"), ("lists", "SIGTERM"), ("drawn", "SIGINT")}


def cases():
    """Each moment with one signal, in turns: one handler answers them all alike."""
    signal_of = dict(zip(MOMENTS, itertools.cycle(SIGNALS), strict=False)) | dict(QUICK)
    for moment, name in signal_of.items():
        marks = () if (moment, name) in QUICK else (pytest.mark.long, pytest.mark.slow)
        yield pytest.param(moment, name, marks=marks)


@pytest.fixture
def started(tmp_path, workspace, photo):
    """Start a command that stands still at a moment, with temporary files of its own."""
    (tmp_path / "temporary").mkdir()
    datasets.make_demo(tmp_path / "pets", train=8, validation=8, size=32, seed=0)
    names = {"pets": tmp_path / "pets", "out": tmp_path / "out.png", "photo": photo}
    names |= {"zip": tmp_path / "pets.zip", "model": tmp_path / "foreign.keras"}
    begun = []

    def start(arguments, held="::", **options):
        if "{zip}" in arguments:
            shutil.make_archive(str(tmp_path / "pets"), "zip", tmp_path / "pets")
        if "{model}" in arguments:
            shutil.copy(files.DEFAULT_MODEL / "best.keras", names["model"])
        command = [sys.executable, "-c", HELD, held]
        process = subprocess.Popen(
            [*command, *(a.format(**names) for a in arguments)],
            cwd=files.PROJECT,
            env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def until_held(process):
    for line in process.stdout:
        if "HELD" in line:
            return
    raise AssertionError(process.stderr.read())


def left(tmp_path):
    """What lies about: among the temporary files, in the workspace, beside the output."""
    inside = [p for p in (tmp_path / "temporary").rglob("*") if "catdog" in p.name]
    hidden = [p for p in tmp_path.rglob(".*") if processes.maker_state(p.name)]
    return [*inside, *hidden, *tmp_path.glob("out*"), *tmp_path.glob(".out*.packing")]


@pytest.mark.parametrize(("moment", "name"), list(cases()))
def test_a_signal_at_any_moment_ends_a_command_in_order(started, tmp_path, moment, name):
    arguments, held = MOMENTS[moment]
    process = started(arguments, held)
    until_held(process)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(getattr(signal, name))
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + getattr(signal, name)
    assert stderr.startswith("Error: Interrupted") and stderr.count("\n") == 1
    assert left(tmp_path) == []
    wait_until(lambda: not any(ends(child) for child in children), 20)


def ends(child):
    """Whether a process is still there."""
    try:
        return child.is_running() and child.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    "name", ["SIGINT", *(pytest.param(n, marks=pytest.mark.long) for n in SIGNALS[1:])]
)
def test_a_signal_during_the_imports_is_no_traceback(name):
    slow = "import sys, time; print('HELD', flush=True); time.sleep(100)"
    code = (
        "import sys, runpy\n"
        "class Slow:\n"
        "    def find_spec(self, name, *rest):\n"
        f"        if name == 'numpy': exec({slow!r})\n"
        "sys.meta_path.insert(0, Slow())\n"
        "sys.argv = ['catdog_core', 'runs']\n"
        "runpy.run_module('catdog_core', run_name='__main__', alter_sys=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=files.PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until_held(process)
    process.send_signal(getattr(signal, name))
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + getattr(signal, name)
    assert stderr.startswith("Error: Interrupted") and stderr.count("\n") == 1


@pytest.mark.long
def test_a_signal_sent_twice_is_one_wish_and_cleaning_goes_on(started, tmp_path):
    process = started(*MOMENTS["threads"])
    until_held(process)
    for _ in range(3):
        process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 143 and stderr.count("\n") == 1
    assert left(tmp_path) == []


def test_a_signal_that_is_lost_in_foreign_code_ends_the_process_all_the_same():
    code = (
        "import time, sys\n"
        "from catdog_core.base import interruption\n"
        "interruption.GRACE_SECONDS = 0.3\n"
        "interruption.install_handlers(); interruption.enable_interrupts()\n"
        "def hold(said):\n"
        "    try:\n"
        "        print(said, flush=True)\n"
        "        while True: time.sleep(0.1)\n"
        "    except BaseException: pass\n"
        "hold('HELD')\n"
        "while True: hold('')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=files.PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until_held(process)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (143, "Error: Interrupted by SIGTERM.\n")


def test_what_is_ignored_stays_ignored(started):
    process = started(["runs"], MOMENTS["lists"][1], preexec_fn=ignore_hangup)
    until_held(process)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


def ignore_hangup():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


CHILD = "from catdog_core.base import processes; processes.end_with_parent();"
CHILD += " print('HELD', flush=True);"
CHILD += " import time; time.sleep(100)"


def test_a_child_ends_when_its_parent_is_killed():
    code = (
        "import subprocess, sys, time\n"
        "from catdog_core.base import processes\n"
        "options = processes.process_group_options()\n"
        f"child = subprocess.Popen([sys.executable, '-c', {CHILD!r}], **options)\n"
        "print(child.pid, flush=True); time.sleep(100)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=files.PROJECT, stdout=subprocess.PIPE, text=True
    )
    lines = {parent.stdout.readline().strip(), parent.stdout.readline().strip()}
    child = psutil.Process(int((lines - {"HELD"}).pop()))
    parent.kill()
    parent.wait()
    wait_until(lambda: not ends(child), 20)
    parent.stdout.close()


def test_a_child_is_ended_with_what_it_has_started():
    code = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', "
    code += "'import time; time.sleep(100)']).pid, flush=True); import time; time.sleep(100)"
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        **processes.process_group_options(),
    )
    grandchild = psutil.Process(int(child.stdout.readline()))
    processes.register_child(child)
    processes.end_children()
    child.stdout.close()
    assert child.returncode is not None
    wait_until(lambda: not ends(grandchild), 20)


def test_threads_have_ended_when_a_look_at_photos_is_interrupted(tmp_path, monkeypatch):
    from catdog_core.data import photo_scan

    begun, ended = [], []

    def look(path, _seen):
        begun.append(path)
        time.sleep(0.01)
        ended.append(path)
        return photo_scan.UnusablePhoto(None, False)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(photo_scan, "_scan_photo", look)
    with pytest.raises(KeyboardInterrupt):
        photo_scan.scan_photos(
            tmp_path, [str(number) for number in range(500)], tmp_path, interrupt
        )
    assert len(begun) == len(ended) < 400  # waited for; the others never began


def test_the_patience_of_a_command_is_bounded():
    assert 0 < interruption.GRACE_SECONDS <= 15


@pytest.mark.parametrize(
    "closed", ["<&- >&- 2>&-", *(pytest.param(c, marks=pytest.mark.long) for c in ("<&-", ">&-"))]
)
def test_a_stream_that_is_closed_takes_no_file_and_makes_no_traceback(workspace, photo, closed):
    out = photo.with_name("sheet.png")
    line = f'"{sys.executable}" -m catdog_core augment "{photo}" "{out}" --count 1 {closed}'
    done = subprocess.run(line, shell=True, cwd=files.PROJECT, capture_output=True, text=True)
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert out.read_bytes().startswith(b"\x89PNG")


def test_output_nobody_reads_is_no_traceback(workspace):
    line = f'"{sys.executable}" -m catdog_core --help | head -1'
    done = subprocess.run(line, shell=True, cwd=files.PROJECT, capture_output=True, text=True)
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_output_that_does_not_fit_is_told(workspace):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "catdog_core", "runs"],
            cwd=files.PROJECT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1 and "No space left" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("encoding", ["ascii", pytest.param("cp949", marks=pytest.mark.long)])
def test_a_terminal_of_another_encoding_is_no_traceback(workspace, tmp_path, encoding):
    done = subprocess.run(
        [sys.executable, "-m", "catdog_core", "check", str(tmp_path / "고양이-×-\u2026")],
        cwd=files.PROJECT,
        env={**os.environ, "PYTHONIOENCODING": encoding, "LC_ALL": "C", "PYTHONUTF8": "0"},
        capture_output=True,
    )
    assert done.returncode == 1 and b"Traceback" not in done.stderr
    assert done.stderr.startswith(b"Error: ")


@pytest.mark.parametrize(
    "given", ["open", *(pytest.param(n, marks=pytest.mark.long) for n in ("empty", "closed"))]
)
def test_a_question_without_a_terminal_names_the_flag(workspace, given):
    line = f'exec "{sys.executable}" -m catdog_core trash empty'
    process = subprocess.Popen(
        f"{line} <&-" if given == "closed" else line,
        shell=True,
        cwd=files.PROJECT,
        stdin=subprocess.DEVNULL if given == "empty" else subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        process.wait(60)  # an input that stays open is not waited for
        stderr = process.stderr.read()
    assert process.returncode == 1 and "--yes" in stderr and stderr.count("\n") == 1


def test_temporary_files_of_this_process_go_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with files.temporary_folder("test") as folder:
        (folder / "file").touch()
        assert processes.maker_state(folder.name) == "alive"
        begun = time.monotonic()
        files.remove_temporaries()
        assert list(tmp_path.iterdir()) == [] and time.monotonic() - begun < 10
