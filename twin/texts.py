"""Texts of a column in as many bytes as they have letters, and five for each: their UTF-8, and where each begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topology.jit import exercise
from twin import _kernels_texts

_DTYPE = np.dtypes.StringDType()
_AT_ONCE = 1 << 16
"""Texts taken apart or put together at once, so that what is made of them on the way is gone without a trace."""


class Texts:
    """Texts by row, which never change; read like an array of StringDType, which NumPy takes it for.

    What is asked for by rows or a slice is such an array; the whole of a long column should not be asked for.
    """

    __slots__ = ("data", "ptr")
    __hash__ = None  # type: ignore[assignment]  # it compares by row, as arrays do
    dtype = _DTYPE
    ndim = 1

    def __init__(self, data: NDArray[np.uint8], ptr: NDArray[np.int32] | NDArray[np.int64]) -> None:
        """data: uint8 (bytes,), text i at `data[ptr[i]:ptr[i + 1] - 1]`, a NUL behind each."""
        self.data, self.ptr = data, ptr

    @classmethod
    def of(cls, column: NDArray[Any] | Sequence[str] | Texts) -> Texts:
        """The same texts."""
        if isinstance(column, Texts):
            return column
        parts, sizes = [], []
        for begin in range(0, len(column), _AT_ONCE):
            part = column[begin : begin + _AT_ONCE]
            encoded = [text.encode() for text in (part.tolist() if isinstance(part, np.ndarray) else part)]
            parts.append(b"\0".join([*encoded, b""]))
            sizes.append(np.fromiter(map(len, encoded), np.int64, len(encoded)))
        ends = np.cumsum(np.concatenate([[0], *sizes]) + 1) - 1
        return cls(np.frombuffer(b"".join(parts), dtype=np.uint8), _narrow(ends))

    @classmethod
    def parse(cls, data: bytes) -> Texts:
        """Texts with a NUL behind each, of which none has a NUL in it."""
        whole = np.frombuffer(data, dtype=np.uint8)
        return cls(whole, _narrow(np.concatenate([[0], np.flatnonzero(whole == 0) + 1])))

    @property
    def shape(self) -> tuple[int]:
        """As of an array."""
        return (len(self),)

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.data.nbytes + self.ptr.nbytes

    def __len__(self) -> int:
        return len(self.ptr) - 1

    def __getitem__(self, rows: Any) -> Any:
        """Text of a row; StringDType (n,) of a slice, of row numbers or of flags."""
        if isinstance(rows, int | np.integer):
            row = rows + len(self) if rows < 0 else rows
            if not 0 <= row < len(self):
                raise IndexError(f"row {rows} of {len(self)} texts")
            return self.data[self.ptr[row] : self.ptr[row + 1] - 1].tobytes().decode()
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        rows = np.asarray(rows)
        if rows.dtype == np.bool_:
            if len(rows) != len(self):
                raise IndexError(f"{len(rows)} flags for {len(self)} texts")
            rows = np.flatnonzero(rows)
        taken = np.empty(len(rows), dtype=_DTYPE)
        for begin in range(0, len(rows), _AT_ONCE):
            part = rows[begin : begin + _AT_ONCE]
            taken[begin : begin + _AT_ONCE] = self._listed(part)
        return taken

    def __iter__(self) -> Iterator[str]:
        for begin in range(0, len(self), _AT_ONCE):
            yield from self._listed(np.arange(begin, min(begin + _AT_ONCE, len(self))))

    def tolist(self) -> list[str]:
        """All of them."""
        return list(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("texts are only there in UTF-8: an array of them is a copy")
        whole: NDArray[Any] = self[:]
        return whole if dtype is None else whole.astype(dtype)

    def copy(self) -> NDArray[Any]:
        """An array of them, which may be changed."""
        return self.__array__()

    def astype(self, dtype: Any) -> NDArray[Any]:
        """An array of them."""
        return self.__array__(dtype)

    def __eq__(self, other: object) -> Any:
        return self[:] == (other[:] if isinstance(other, Texts) else other)

    def __ne__(self, other: object) -> Any:
        return self[:] != (other[:] if isinstance(other, Texts) else other)

    def gather(self, rows: NDArray[np.integer[Any]]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """UTF-8 of some rows, one behind the other, and their (n + 1,) offsets; less than 2 GB."""
        return _kernels_texts.gather(self.data, self.ptr, rows.astype(np.int64))

    def _listed(self, rows: NDArray[np.integer[Any]]) -> list[str]:
        if len(rows) and (rows.min() < -len(self) or rows.max() >= len(self)):
            raise IndexError(f"rows {rows.min()} … {rows.max()} of {len(self)} texts")
        rows = np.where(rows < 0, rows + len(self), rows)
        data, ptr = self.gather(rows)
        whole = data.tobytes()
        at = ptr.tolist()
        if whole.isascii():
            text = whole.decode()
            return [text[a:b] for a, b in pairwise(at)]
        return [whole[a:b].decode() for a, b in pairwise(at)]


def joined(column: NDArray[Any] | Texts) -> memoryview:
    """The UTF-8 of all texts of a column, a NUL behind each."""
    if isinstance(column, Texts):
        return column.data.data
    if len(column) and column.strides == (0,):
        return memoryview((column[0] + "\0").encode() * len(column))
    return Texts.of(column).data.data


def _narrow(ptr: NDArray[np.int64]) -> NDArray[np.int32] | NDArray[np.int64]:
    return ptr.astype(np.int32) if ptr[-1] < 2**31 else ptr


@exercise
def _read_one() -> None:
    texts = Texts.of(["a"])
    texts.gather(np.zeros(1, dtype=np.int64))
