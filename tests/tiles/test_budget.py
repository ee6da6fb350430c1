import numpy as np

from tiles.budget import Part, fit


def part(priorities: list[int], size: list[int] | None = None, feature_bytes: float = 10) -> Part:
    return Part(
        np.array(priorities, dtype=np.uint8),
        None if size is None else np.array(size, dtype=np.int64),
        feature_bytes,
    )


def test_everything_that_fits_stays() -> None:
    kept = fit([part([0, 5, 7]), part([1], [9])], 40)
    assert [each.tolist() for each in kept] == [[0, 1, 2], [0]]


def test_the_least_important_go_first() -> None:
    kept = fit([part([7, 0, 5, 0]), part([1, 6], [9, 9])], 40)
    assert [each.tolist() for each in kept] == [[1, 2, 3], [0]]


def test_of_lines_the_longest_stay_and_points_are_thinned_evenly() -> None:
    assert fit([part([3] * 5, [5, 1, 9, 2, 8])], 30)[0].tolist() == [0, 2, 4]
    assert fit([part([3] * 8)], 40)[0].tolist() == [0, 2, 4, 6]


def test_nothing_to_choose_from() -> None:
    assert fit([], 10) == []
    assert [each.tolist() for each in fit([part([]), part([], [])], 10)] == [[], []]
    assert fit([part([1, 1])], 0)[0].tolist() == []
