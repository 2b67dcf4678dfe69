"""A Ray that the lab starts for itself: on this machine only, with a token, and gone afterwards."""

import os
import subprocess
import sys

import pytest

from catdog_core.base import files

OWN = """
import os
import sys
import psutil
from catdog_core.tuning import ray_session
with ray_session.ray_session() as ray:
    for each in psutil.Process().children(recursive=True):
        for one in each.net_connections("tcp"):
            if one.status == "LISTEN":
                print("listens", one.laddr.ip)
    print("head", ray.get_runtime_context().gcs_address)
    sys.stdout.flush()
    sys.stdin.readline()
"""
OTHER = """
import sys
from ray._raylet import GcsClient
GcsClient(address=sys.argv[1]).get_all_node_info(timeout=20)
"""


@pytest.mark.long
def test_a_ray_of_ones_own_listens_on_this_machine_asks_for_a_token_and_leaves_nothing(tmp_path):
    pytest.importorskip("ray", reason="it is Ray that listens")
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    environment |= {"HOME": str(tmp_path / "home")}
    command = [sys.executable, "-c", OWN]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=files.PROJECT, env=environment, **pipes) as own:
        messages = []
        for line in own.stdout:
            messages.append(line.split())
            if messages[-1][0] == "head":
                break
        addresses = {line[1] for line in messages if line[0] == "listens"}
        outsider = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", OTHER, messages[-1][1]],
            env=environment,
            capture_output=True,
            timeout=120,
        )
        own.communicate("\n", timeout=240)
    assert own.returncode == 0
    assert addresses and addresses <= {"127.0.0.1", "::ffff:127.0.0.1"}
    assert outsider.returncode != 0 and b"oken" in outsider.stderr, outsider.stderr
    assert not list((tmp_path / "home").glob(".ray*"))
