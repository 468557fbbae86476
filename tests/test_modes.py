"""The switches beside threads, pools, generators and tasks; and what several threads add to one gradient."""

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager

import numpy as np
import pytest

import wengert
from wengert import Parameter, Variable, no_grad, test_mode, using_config
from wengert import functions as F
from wengert.core.modes import Observer, current_config, observing
from wengert.errors import DeclarationError, GraphError
from wengert.layers import Dropout, Linear, Sequential


def switches() -> tuple[bool, bool]:
    return current_config().enable_backprop, current_config().train


@pytest.fixture(autouse=True)
def nothing_stays_set():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # threads take turns often
    yield
    sys.setswitchinterval(interval)
    assert switches() == (True, True) and current_config().observer is None


# Threads


def test_a_pool_runs_with_the_callers_switches():
    with ThreadPoolExecutor(2) as pool:  # its threads are there before, and stay after
        assert list(pool.map(lambda _: switches(), range(4))) == [(True, True)] * 4
        with test_mode(), no_grad():
            assert list(pool.map(lambda _: switches(), range(4))) == [(False, False)] * 4
            assert pool.submit(int, "11", base=2).result() == 3
        with no_grad():
            assert pool.submit(switches).result() == (False, True)
            with pytest.raises(ValueError, match="invalid literal"):
                pool.submit(int, "x").result()
        assert list(pool.map(lambda _: switches(), range(4))) == [(True, True)] * 4


def test_predictions_made_in_a_pool_are_predictions():
    model, x = Sequential(Linear(30, in_size=20), Dropout(0.5)), np.ones((1, 20), np.float32)
    with test_mode(), no_grad(), ThreadPoolExecutor(2) as pool:
        first, second = pool.map(model, [x, x])
    assert np.array_equal(first.data, second.data) and not first.requires_grad


def test_observers_stay_in_their_thread():
    class Count(Observer):
        calls = 0

        def forward(self, function, inputs, outputs):
            self.calls += 1

    count, x = Count(), Variable(np.ones(2))
    with observing(count), test_mode(), ThreadPoolExecutor(1) as pool:
        pool.submit(F.exp, x).result()
        assert count.calls == 0
        F.exp(x)
    assert count.calls == 1


def test_two_threads_each_have_their_own():
    seen, both = {}, threading.Barrier(2, timeout=10)

    def work(name, switch):
        with switch:
            both.wait()
            seen[name] = switches()
            both.wait()

    threads = [threading.Thread(target=work, args=each) for each in (("a", no_grad()), ("b", test_mode()))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"a": (False, True), "b": (True, False)}


def test_every_thread_sees_the_mode_of_a_model():
    model, x, found = Dropout(0.5).eval(), np.ones(100), []
    thread = threading.Thread(target=lambda: found.append(model(x)))
    thread.start()
    thread.join()
    assert np.array_equal(found[0].data, x)


def test_threads_lose_nothing_of_a_gradient():
    p, count = Parameter(np.zeros(50_000)), 8
    begin = threading.Barrier(count, timeout=10)

    def work():
        begin.wait()
        for _ in range(25):
            (p * 1.0).backward()

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array_equal(p.grad.data, np.full(50_000, 25.0 * count))


def test_threads_make_the_first_call_together():
    for _ in range(20):
        layer, begin = Linear(3), threading.Barrier(4, timeout=10)
        x = np.eye(5, dtype=np.float32)

        def call(_, layer=layer, begin=begin, x=x):
            begin.wait()
            return layer(x).data

        with ThreadPoolExecutor(4) as pool:
            assert all(np.array_equal(found, layer(x).data) for found in pool.map(call, range(4)))


# Generators


def in_a_loop():
    with no_grad():
        for i in range(3):
            yield i + 1


def once():
    with no_grad():
        yield 1


def beside_others():
    with no_grad(), test_mode():
        try:
            yield 1
        finally:
            pass


def from_another():
    with using_config("train", False):
        yield from [1, 2]  # one after the other


@contextmanager
def quiet():
    with no_grad(), test_mode():
        yield


def by_way_of_a_context_manager():
    with quiet():
        yield 1


def observed():
    with observing(Observer()):
        yield 1


def in_a_handler():
    with no_grad():
        try:
            raise ValueError
        except ValueError:
            yield 1


LEAKING = [in_a_loop, once, beside_others, from_another, by_way_of_a_context_manager, observed, in_a_handler]


@pytest.mark.parametrize("generator", LEAKING)
def test_a_switch_around_a_yield_is_refused(generator):
    with pytest.raises(GraphError, match=f"a switch is set around a yield in {generator.__name__}, line"):
        list(generator())
    assert switches() == (True, True)


def closed_before_the_yield():
    for _ in range(2):
        with no_grad():
            found = switches()
        yield found


def beside_the_yield():
    with quiet():
        try:
            int("x")
        except ValueError:
            found = switches()
    try:
        yield found
    finally:
        yield found


def nested():
    def inner():
        with no_grad():
            return switches()

    yield inner()


@pytest.mark.parametrize("generator", [closed_before_the_yield, beside_the_yield, nested])
def test_a_generator_may_use_switches_between_its_yields(generator):
    for found in generator():
        assert found[0] is False and switches() == (True, True)


def test_context_managers_are_generators_that_mean_it():
    with quiet():
        assert switches() == (False, False)
    with ExitStack() as stack:
        stack.enter_context(quiet())
        assert switches() == (False, False)
    with pytest.raises(ValueError, match="invalid literal"), quiet():
        int("x")

    @quiet()
    def within():
        return switches()

    assert within() == (False, False)


@pytest.fixture
def recording_nothing():
    with no_grad():
        yield


def test_fixtures_are_too(recording_nothing):
    assert switches() == (False, True)


# Decorated functions, and tasks


def test_switches_decorate():
    @no_grad()
    def inner():
        return switches()

    @test_mode()
    async def task():
        await asyncio.sleep(0)
        return switches()

    assert inner() == (False, True) and inner() == (False, True) and asyncio.run(task()) == (True, False)

    def generator():
        yield 1

    async def generator_of_tasks():
        yield 1

    for each in (generator, generator_of_tasks):
        with pytest.raises(DeclarationError, match="is a generator: the switch"):
            no_grad()(each)


def test_tasks_have_their_own():
    async def one(switch, seen):
        with switch:
            for _ in range(3):
                seen.append(switches())
                await asyncio.sleep(0)

    async def main():
        a, b, c = [], [], []
        await asyncio.gather(one(no_grad(), a), one(test_mode(), b), one(quiet(), c))
        assert (set(a), set(b), set(c)) == ({(False, True)}, {(True, False)}, {(False, False)})
        return switches()

    assert asyncio.run(main()) == (True, True)


def test_generators_of_tasks():
    async def leaking():
        with no_grad():
            yield 1

    async def waiting():
        with no_grad():
            await asyncio.sleep(0)
            found = switches()
        yield found

    @asynccontextmanager
    async def manager():
        with no_grad():
            yield

    async def main():
        async with manager():
            assert switches() == (False, True)
        assert [found async for found in waiting()] == [(False, True)]
        with pytest.raises(GraphError, match="around a yield in .*leaking"):
            [_ async for _ in leaking()]

    asyncio.run(main())


def test_one_switch_may_be_used_again():
    switch = no_grad()
    for _ in range(2):
        with switch, switch:
            assert switches() == (False, True)
    assert wengert.Variable(np.ones(1)).requires_grad


def test_a_decorated_function_runs_in_several_threads_at_once():
    both = threading.Barrier(2, timeout=10)

    @no_grad()
    def within(wait):
        both.wait()
        if wait:
            both.wait()
        return switches()

    def work(wait):
        found = within(wait)
        if not wait:
            both.wait()  # the other is still inside
        return found, switches()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, [True, False])) == [((False, True), (True, True))] * 2
