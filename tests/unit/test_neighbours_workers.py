"""Threads: answers in order, passes told to who listens, one limit however many hold it."""

from __future__ import annotations

import pytest
from threadpoolctl import ThreadpoolController

from counterpoise.neighbours.workers import each, heard_by, one_thread_products, shared


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in ThreadpoolController().select(user_api="blas").info()}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_listener_hears_each_part_of_a_pass_and_nothing_of_passes_within(n_jobs: int) -> None:
    heard: list[tuple[int, int]] = []
    with heard_by(lambda done, total: heard.append((done, total))):
        assert shared(lambda item: item + 1, range(3), n_jobs) == [1, 2, 3]
        assert each(lambda item: 2 * item, range(2), n_jobs) == [0, 2]
    assert shared(str, range(5), n_jobs) == ["0", "1", "2", "3", "4"]
    assert heard == [(1, 3), (2, 3), (3, 3), (1, 2), (2, 2)]


def test_nested_holders_share_one_limit_that_the_last_lifts() -> None:
    before = blas_threads()
    with one_thread_products():
        each(lambda item: item, range(2))
        assert blas_threads() == {1}
    assert blas_threads() == before


def test_a_limit_is_lifted_after_an_error() -> None:
    before = blas_threads()
    with pytest.raises(ZeroDivisionError):
        each(lambda item: 1 // item, [1, 0])
    assert blas_threads() == before
