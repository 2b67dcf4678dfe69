"""Parts of a work as Ray's tasks: a bounded number at once, started anew where a process dies.

Imported when an address of a cluster was given; see `tasks` for what a part is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ..errors import CatDogError, ClusterError
from . import ray_here, tasks

_TOLD_EVERY = 0.3  # seconds
_DEPTH = 2  # parts a core has waiting, so that none is idle while the next is sent


def each(
    address: str,
    at_once: int,
    work: Callable[..., Any],
    parts: Sequence[tuple[Any, ...]],
    weights: Sequence[int],
    tell: Callable[[int], None],
) -> list[Any]:
    """What `work` gives for each of the parts, in their order; see `tasks.Hands.each`.

    Raises:
        ClusterError: there is no Ray, nothing answers, or a part's process died again and again.
        CatDogError: from a part.
    """
    with ray_here.connected(address) as ray:
        most = at_once or _DEPTH * max(1, int(ray.cluster_resources().get("CPU", 1)))
        task = ray.remote(num_cpus=1, max_retries=tasks.TRIES, retry_exceptions=False)(tasks.tried)
        found: dict[int, Any] = {}
        under_way: dict[Any, int] = {}
        try:
            while len(found) < len(parts):
                while len(under_way) < most and len(found) + len(under_way) < len(parts):
                    number = len(found) + len(under_way)
                    under_way[task.remote(work, *parts[number])] = number
                ready, _ = ray.wait(list(under_way), timeout=_TOLD_EVERY)
                for reference in ready:
                    number = under_way.pop(reference)
                    found[number] = _got(ray, reference)
                tell(sum(weights[number] for number in found))
        except BaseException:
            for reference in under_way:
                with suppress(Exception):  # the cluster itself may be gone
                    ray.cancel(reference, force=True)
            raise
    return [found[number] for number in range(len(parts))]


def _got(ray: Any, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, CatDogError | OSError):
            raise cause from None
        raise ClusterError(
            "A task on the cluster failed: {reason}. Its logs tell more.",
            reason=str(cause or error)[-300:],
        ) from error
    except ray.exceptions.RayError as error:
        raise ClusterError(
            "A task on the cluster was started {count} times and died each time: {reason}. Its"
            " process may have had too little memory; start fewer at once with --at-once.",
            count=tasks.TRIES + 1,
            reason=" ".join(str(error).split())[:200],
        ) from error
