from __future__ import annotations

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tiles.cache import CachedTile, TileCache, TileKey, compress


def key(x: int, revision: int = 1) -> TileKey:
    return TileKey("model", "grid", 12, x, 0, "", revision)


def test_each_tile_is_made_once_however_many_ask() -> None:
    cache, calls = TileCache(1_000_000), []
    begin = threading.Barrier(8)

    def make() -> CachedTile:
        calls.append(1)
        threading.Event().wait(0.05)
        return CachedTile(b"data", 3)

    def ask() -> CachedTile:
        begin.wait()
        return cache.get_or_make(key(1), make)

    with ThreadPoolExecutor(8) as pool:
        answers = [future.result() for future in [pool.submit(ask) for _ in range(8)]]
    assert answers == [CachedTile(b"data", 3)] * 8
    assert len(calls) == 1
    assert cache.get(key(1)) == CachedTile(b"data", 3)
    assert cache.get(key(1, revision=2)) is None


def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    cache, waiting, go = TileCache(1_000_000), threading.Event(), threading.Event()

    def fail() -> CachedTile:
        waiting.set()
        go.wait()
        raise KeyError("no such element")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get_or_make, key(1), fail)
        waiting.wait()
        second = pool.submit(cache.get_or_make, key(1), lambda: CachedTile(b"not asked"))
        while cache.misses < 2:
            pass
        go.set()
        for future in (first, second):
            with pytest.raises(KeyError, match="no such element"):
                future.result()
    assert cache.get_or_make(key(1), lambda: CachedTile(b"now")).data == b"now"


def test_it_never_holds_more_than_it_may_and_forgets_what_was_used_least() -> None:
    cache = TileCache(5_000)
    for x in range(20):
        cache.get_or_make(key(x), lambda: CachedTile(bytes(1_000)))
        cache.get_or_make(key(0), lambda: CachedTile(bytes(1_000)))
        assert cache.size <= 5_000
    assert len(cache) == 3
    assert cache.get(key(0)) is not None
    assert cache.get(key(1)) is None
    cache.get_or_make(key(99), lambda: CachedTile(bytes(10_000)))
    assert cache.get(key(99)) is None
    assert len(cache) == 3
    cache.clear()
    assert (len(cache), cache.size) == (0, 0)


def test_compressing_is_the_same_every_time() -> None:
    data = bytes(range(256)) * 50
    assert compress(data) == compress(data)
    assert gzip.decompress(compress(data)) == data
    assert compress(data)[4:8] == bytes(4)  # no time in it
    assert compress(b"") == b""


def test_a_tile_may_be_put_there_once() -> None:
    cache = TileCache(1 << 20)
    first = CachedTile(b"tile")
    cache.put(key(1), first)
    size = cache.size
    cache.put(key(1), CachedTile(b"tile"))
    assert cache.get(key(1)) is first and (cache.size, len(cache), cache.misses) == (size, 1, 2)
