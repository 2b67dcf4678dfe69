"""Photos packed as TFRecord shards for quick reading, and the cache that keeps them.

`tfrecord` writes and opens them, `shard_cache` removes what nothing refers to.
"""
