"""A cluster of this machine: one command starts it, another ends all of it and nothing else."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from catdog_core import cli, datasets, files
from catdog_core.cluster import local_cluster
from catdog_core.errors import ClusterError
from catdog_core.training import launch


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("CATDOG_WORKSPACE", str(tmp_path))
    return tmp_path / "cluster"


@pytest.fixture
def asleep():
    """A process like any other, which nobody may end by mistake."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def has_ended(process):
    process.wait(timeout=60)
    return not launch.identity(process.pid)


def recorded(place, process, identity=None, mark="0123456789abcdef", **more):
    node = {"name": "node-1", "pid": process.pid}
    node["identity"] = launch.identity(process.pid) if identity is None else identity
    told = {"format": 1, "id": mark, "address": "127.0.0.1:1", "temporary": str(place / "none")}
    files.write_json(place / "cluster.json", {**told, "nodes": [node], **more})


def test_without_a_cluster_status_and_stop_say_so(place, capsys):
    assert cli.main(["cluster", "status"]) == 1
    assert cli.main(["cluster", "stop"]) == 0
    assert capsys.readouterr().out.count("No cluster was started here.") == 2


def test_without_ray_a_start_names_the_packages(place, capsys, monkeypatch):
    monkeypatch.setattr("catdog_core.cluster.ray_here.is_installed", lambda: False)
    assert cli.main(["cluster", "start"]) == 1
    assert "pip install -r requirements-cluster.txt" in capsys.readouterr().err
    assert local_cluster.current() is None


def test_stop_ends_the_recorded_process(place, asleep):
    recorded(place, asleep)
    assert local_cluster.stop() == 1
    assert has_ended(asleep)
    assert local_cluster.current() is None


def test_stop_leaves_a_process_that_took_the_number_over(place, asleep):
    recorded(place, asleep, identity="another start")
    assert local_cluster.address() is None
    assert local_cluster.stop() == 0
    assert asleep.poll() is None


@pytest.mark.long
def test_stop_finds_what_a_killed_node_left_behind(place, asleep):
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    orphan = subprocess.Popen(command, env={**os.environ, local_cluster.MARK: "feedfacefeedface"})
    try:
        recorded(place, asleep, identity="gone", mark="feedfacefeedface")
        assert local_cluster.stop() == 1
        assert has_ended(orphan)
        assert asleep.poll() is None
    finally:
        orphan.kill()
        orphan.wait()


def test_a_cluster_of_another_machine_that_shares_the_workspace_is_left_alone(place, asleep):
    recorded(place, asleep, host="another-machine")
    with pytest.raises(ClusterError, match="another-machine"):
        local_cluster.stop()
    assert asleep.poll() is None
    assert local_cluster.current() is not None


@pytest.mark.parametrize("said", ["", "[1]", '{"nodes": 3}', '{"format": 1, "nodes": [{}]}'])
def test_a_damaged_record_is_no_cluster(place, said):
    place.mkdir()
    (place / "cluster.json").write_text(said)
    assert local_cluster.current() is None
    assert local_cluster.stop() == 0


WHERE = """
import sys, time
from catdog_core.cluster import ray_here
with ray_here.connected(sys.argv[1]) as ray:
    @ray.remote(num_cpus=1)
    def where():
        time.sleep(1)
        return ray.get_runtime_context().get_node_id()
    print(len(set(ray.get([where.remote() for _ in range(int(sys.argv[2]))]))))
"""


def command_line(*arguments):
    command = [sys.executable, "-m", "catdog_core", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240)


def lab(*arguments):
    return command_line("cluster", *arguments)


def work(address, tasks):
    """On how many nodes that many tasks of a second each were done."""
    command = [sys.executable, "-c", WHERE, address, str(tasks)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=240, cwd=files.PROJECT, check=True
    )
    return int(done.stdout.split()[-1])


@pytest.fixture
def cluster(place):
    pytest.importorskip("ray", reason="a cluster is Ray's")
    started = lab("start", "--workers", "2", "--cores", "1", "--memory", "80")
    try:
        assert started.returncode == 0, started.stderr
        yield local_cluster.current()
    finally:
        left = local_cluster.processes()
        stopped = lab("stop")
        psutil.wait_procs(left, timeout=60)
        assert stopped.returncode == 0, stopped.stderr
        assert not [each for each in left if each.is_running()]


def listening(processes):
    """The addresses that processes listen on."""
    found = set()
    for each in processes:
        try:
            found |= {c.laddr.ip for c in each.net_connections("tcp") if c.status == "LISTEN"}
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.mark.long
def test_one_command_starts_two_nodes_that_survive_one_and_end_whole(cluster, place):
    assert "node-2: takes work, cores: 1" in lab("status").stdout
    assert work("auto", 8) == 2
    # Whoever reaches its ports runs code: so nobody outside does, and on this machine a token.
    assert listening(local_cluster.processes()) <= {"127.0.0.1", "::ffff:127.0.0.1"}
    assert stat.S_IMODE((place / "token").stat().st_mode) == 0o600
    assert "runs already" in lab("start").stderr

    psutil.Process(cluster.nodes[1].pid).kill()
    end = time.monotonic() + 60
    while cluster.nodes[1].is_alive() and time.monotonic() < end:
        time.sleep(0.1)
    told = lab("status")
    assert told.returncode == 0
    assert "node-2: gone" in told.stdout
    assert work(cluster.address, 2) == 1

    left = local_cluster.processes()
    assert len(left) > 5
    assert lab("stop").returncode == 0
    psutil.wait_procs(left, timeout=60)
    assert not [each for each in left if each.is_running()]
    assert not cluster.temporary.exists()
    assert "No cluster" in lab("status").stdout


OWN = """
import os
import psutil
from catdog_core.cluster import ray_here
with ray_here.connected(cpus=1):
    for each in psutil.Process().children(recursive=True):
        for one in each.net_connections("tcp"):
            if one.status == "LISTEN":
                print("listens", one.laddr.ip)
    print("token", os.environ["RAY_AUTH_TOKEN_PATH"])
print("left", "RAY_AUTH_MODE" in os.environ)
"""


@pytest.mark.long
def test_a_command_of_the_lab_works_on_the_cluster_by_its_short_name(cluster, tmp_path):
    datasets.make_demo(tmp_path / "pets", train=6, validation=2, size=32)
    packed = tmp_path / "packed"
    done = command_line(
        *("pack", str(tmp_path / "pets"), str(packed), "--size", "32", "--address", "auto")
    )
    assert done.returncode == 0, done.stderr
    assert "6 train, 2 validation photos of 32 px" in done.stdout
    assert len(list(packed.glob("*.tfrecord"))) == 2


@pytest.mark.long
def test_a_ray_of_ones_own_listens_on_this_machine_only_and_leaves_nothing(place, tmp_path):
    pytest.importorskip("ray", reason="it is Ray that listens")
    (tmp_path / "home").mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-c", OWN],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
        cwd=files.PROJECT,
        env={**environment, "HOME": str(tmp_path / "home")},
    )
    told = [line.split() for line in done.stdout.splitlines()]
    found = {line[1] for line in told if line[0] == "listens"}
    assert found
    assert found <= {"127.0.0.1", "::ffff:127.0.0.1"}
    (token,) = [line[1] for line in told if line[0] == "token"]
    assert not Path(token).exists()
    assert ["left", "False"] in told
    assert not list((tmp_path / "home").glob(".ray*"))


@pytest.mark.long
def test_a_node_that_does_not_come_up_is_told_and_nothing_stays(place, monkeypatch):
    pytest.importorskip("ray", reason="a cluster is Ray's")
    with pytest.raises(ClusterError, match=r"node-1 .*node-1\.log"):
        local_cluster.start(workers=1, cores=1, memory=1)  # Ray wants more for its objects
    assert local_cluster.current() is None
    assert local_cluster.processes() == []
