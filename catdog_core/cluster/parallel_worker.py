"""What Ray runs in each worker's process of a training on several workers."""

from __future__ import annotations

import os
import socket
from typing import Any


def work(config: dict[str, Any]) -> None:
    """Train a run as one of its workers; see `parallel.train_together`, which makes `config`.

    What a person can mend is left at the desk and ends the training. Any other error leaves this
    function: Ray then starts all workers anew, and they go on after the last whole epoch.
    """
    import ray
    from ray import train

    context, desk = train.get_context(), config["desk"]
    rank = context.get_world_rank()
    process = {"pid": os.getpid(), "host": socket.gethostname()}
    if not ray.get(desk.begin.remote(rank, process)):
        return
    # Read by TensorFlow when it is imported. Ray asks for a Keras of earlier days.
    os.environ.pop("TF_USE_LEGACY_KERAS", None)
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(config["threads"])
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    if not config["cards"]:  # two on one graphics card would take each other's memory
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()  # before any operation

    from .. import runs, worker
    from ..errors import CatDogError
    from ..training.turn import Stopped
    from .replica import Replica
    from .wire import Wire

    wire = Wire(ray, desk)
    try:
        run = runs.load(config["folder"])
        assert run.training is not None
        replica = Replica(strategy, rank, context.get_world_size(), run.training.batch_size, wire)
        worker.learn(run, wire, config["packed"], config["chosen"], replica)
    except Stopped:
        pass
    except CatDogError as error:
        params = {k: v if isinstance(v, int | float) else str(v) for k, v in error.params.items()}
        ray.get(desk.fail.remote(error.message, params))
    else:
        if not rank:
            wire.flush()
            ray.get(desk.finish.remote())
