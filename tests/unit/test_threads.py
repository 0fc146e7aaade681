"""The limit on threads of compiled code: it holds inside, it ends, and libraries that come later obey it."""

from __future__ import annotations

import sys
import types

from threadpoolctl import ThreadpoolController

from counterpoise.learn import classifier


def n_threads():
    return {each["num_threads"] for each in ThreadpoolController().info()}


def test_the_limit_holds_inside_and_ends():
    before = n_threads()
    with classifier.threads(1):
        assert n_threads() == {1}
        with classifier.threads(None):
            assert n_threads() == {1}
    assert n_threads() == before


def test_libraries_are_sought_once_until_an_import(monkeypatch):
    sought = []

    class Counted(ThreadpoolController):
        def __init__(self):
            sought.append(1)
            super().__init__()

    monkeypatch.setattr(classifier, "ThreadpoolController", Counted)
    classifier._controller.cache_clear()
    for _ in range(3):
        with classifier.threads(1):
            pass
    assert len(sought) == 1
    monkeypatch.setitem(sys.modules, "brought_later", types.ModuleType("brought_later"))
    with classifier.threads(1):
        assert len(sought) == 2
    classifier._controller.cache_clear()
