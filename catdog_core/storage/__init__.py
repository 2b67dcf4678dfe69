"""Photos packed as TFRecord shards for quick reading, and the cache that keeps them.

`tfrecord` writes and opens them by TensorFlow, so nothing is imported here; `shard_cache` removes
what nothing refers to.
"""

__all__ = [
    "shard_cache",
    "shard_images",
    "shard_index",
    "shard_writer",
    "tfrecord",
]
