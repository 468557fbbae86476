"""The summary of a model: its tree and totals, its counts against counts by hand and published ones, its manners."""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import Parameter, Variable, random
from wengert import functions as F
from wengert.errors import InputError, ShapeError
from wengert.layers import LSTM, BatchNorm2d, Conv2d, Dropout, Layer, Linear, Sequential
from wengert.models import MLP, VGG16, ResNet18
from wengert.visualize import summary as module
from wengert.visualize.summary import COUNTS


class Calling(Layer):
    """A layer of a function."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def forward(self, *inputs: Any) -> Any:
        return self.function(*inputs)


def counted(function: Any, *shapes: tuple[int, ...]) -> int:
    found = wengert.summary(Calling(function), tuple(Variable(ones(*shape)) for shape in shapes))
    assert not found.not_counted
    return found.flops


def ones(*shape: int) -> Any:
    return np.ones(shape, np.float32)


def by_loops(x: Any, weight: Any, stride: int, padding: int, groups: int) -> int:
    """The multiplications of a convolution over one axis, counted one by one, padding's zeros included."""
    count = 0
    for _ in range(x[0]):
        for _ in range(weight[0]):
            for _ in range(0, x[2] + 2 * padding - weight[2] + 1, stride):
                for _ in range(x[1] // groups):
                    count += weight[2]
    return count


class TestCounts:
    def test_products(self):
        assert counted(lambda x, y: x @ y, (2, 3), (3, 4)) == 2 * 2 * 3 * 4
        assert counted(lambda x, y: x @ y, (5, 2, 3), (3, 4)) == 5 * 2 * 2 * 3 * 4
        assert counted(lambda x, y: x @ y, (3,), (3,)) == 2 * 3
        assert counted(lambda x, w, b: F.linear(x, w, b), (5, 2, 3), (3, 4), (4,)) == 5 * 2 * 4 * (2 * 3 + 1)
        assert counted(lambda x, w: F.linear(x, w), (2, 3), (3, 4)) == 2 * 4 * 2 * 3
        assert counted(lambda x, y: F.vecdot(x, y, axis=0), (3, 4), (3, 4)) == 2 * 12
        assert counted(lambda x, y: F.einsum("bij,bjk->bik", x, y), (2, 3, 4), (2, 4, 5)) == 2 * 2 * 3 * 4 * 5
        assert counted(lambda x, y: F.einsum("i,j->ij", x, y), (3,), (4,)) == 12

    @pytest.mark.parametrize(("stride", "padding", "groups"), [(1, 0, 1), (2, 1, 1), (1, 2, 2), (3, 0, 4)])
    def test_convolution(self, stride, padding, groups):
        x, weight = (2, 4, 11), (8, 4 // groups, 3)
        times = by_loops(x, weight, stride, padding, groups)

        def run(x: Any, weight: Any) -> Any:
            return F.conv1d(x, weight, stride=stride, padding=padding, groups=groups)

        assert counted(run, x, weight) == 2 * times

    def test_convolution_in_more_axes_and_with_a_bias(self):
        assert counted(F.conv2d, (1, 3, 5, 6), (2, 3, 2, 3), (2,)) == 2 * 4 * 4 * (2 * 3 * 2 * 3 + 1)
        assert counted(F.conv3d, (1, 3, 4, 4, 4), (2, 3, 2, 2, 2)) == 2 * 27 * 2 * 3 * 8
        dilated = counted(lambda x, w: F.conv2d(x, w, dilation=2), (1, 1, 5, 5), (1, 1, 3, 3))
        assert dilated == 2 * 9

    def test_transposed_convolution(self):
        """Every entry puts its multiple of the filters into the result."""
        run = counted(lambda x, w: F.conv_transpose2d(x, w, stride=2), (2, 3, 4, 4), (3, 5, 2, 2))
        assert run == 2 * (2 * 3 * 4 * 4) * 5 * 2 * 2
        grouped = counted(lambda x, w: F.conv_transpose1d(x, w, groups=2), (1, 4, 6), (4, 5, 3))
        assert grouped == 2 * (4 * 6) * 5 * 3

    def test_attention(self):
        n, m, d, e = 5, 6, 4, 3
        run = counted(F.scaled_dot_product_attention, (2, n, d), (2, m, d), (2, m, e))
        assert run == 2 * (n * d + 2 * n * m * d + 5 * n * m + 2 * n * m * e)

    def test_recurrent(self):
        """What the composition of small operations is, counted by itself, with the sums of the biases."""
        time, batch, inside, size = 3, 2, 5, 4

        def products(gates: int) -> int:
            return time * batch * gates * size * (2 * inside + 2 * size + 3)

        shapes = {gates: ((inside, gates * size), (size, gates * size), (gates * size,)) for gates in (1, 3, 4)}
        x = (time, batch, inside)
        entries = time * batch * size
        rnn = counted(lambda x, w, v, b: F.rnn(x, None, w, v, b, b), x, *shapes[1])
        lstm = counted(lambda x, w, v, b: F.lstm(x, None, None, w, v, b, b), x, *shapes[4])
        gru = counted(lambda x, w, v, b: F.gru(x, None, w, v, b, b), x, *shapes[3])
        assert (rnn, lstm, gru) == (products(1) + entries, products(4) + 9 * entries, products(3) + 7 * entries)

    def test_normalization(self):
        run = counted(lambda x, w, b: F.layer_norm(x, 6, w, b), (4, 6), (6,), (6,))
        assert run == 24 * 7 + 4 * 5
        assert counted(lambda x: F.rms_norm(x, 6), (4, 6)) == 24 * 3 + 4 * 4
        found = wengert.summary(BatchNorm2d(3), ones(2, 3, 4, 4))  # by running statistics, in test mode
        assert found.flops == 3 * 96 + 3 * 3

    def test_pooling(self):
        assert counted(lambda x: F.max_pool2d(x, 2), (1, 3, 6, 6)) == 3 * 9 * 4
        assert counted(lambda x: F.max_pool1d(x, 3, 1), (1, 2, 6)) == 2 * 4 * 3
        average = wengert.summary(Calling(lambda x: F.avg_pool2d(x, 2)), ones(1, 3, 6, 6))
        assert average.operations["sum_windows"] == 3 * 9 * 4

    def test_elementwise_reductions_and_moves(self):
        assert counted(F.tanh, (3, 4)) == 12
        assert counted(lambda x, y: x + y, (3, 1), (1, 4)) == 12
        assert counted(F.relu, (7,)) == 7
        assert counted(lambda x: x.sum(axis=0), (3, 4)) == 12
        assert counted(lambda x: F.softmax(x), (3, 4)) == 60
        assert counted(lambda x: x.reshape(4, 3).T[1:], (3, 4)) == 0

    def test_every_name_is_an_operation(self):
        modules = [import_module(f"wengert.functions.{each.name}") for each in iter_modules(F.__path__)]
        rules = [getattr(each, "rule", None) for module in modules for each in vars(module).values()]
        names = {rule.name for rule in rules if rule is not None}
        assert set(COUNTS) <= names

    def test_what_has_no_rule_is_named(self):
        found = wengert.summary(Calling(lambda x: F.det(x) + F.det(x)), ones(3, 3))
        assert found.not_counted == {"det": 2}
        assert "not counted        det (2)" in str(found)

    def test_a_rule_of_ones_own(self, monkeypatch):
        @wengert.operation
        def twofold(xp, x):
            return 2 * x

        model = Calling(twofold)
        assert wengert.summary(model, ones(3)).not_counted == {"twofold": 1}
        monkeypatch.setitem(COUNTS, "twofold", lambda inputs, outputs, options: outputs[0].size)
        assert wengert.summary(model, ones(3)).operations == {"twofold": 3}


class TestPublished:
    """ResNet-18 takes 1.82 G multiply-adds at 224 x 224 and VGG16 15.5 G (He et al. 2016; Simonyan and Zisserman 2015).

    Exactly, by the sizes of their layers: 1,814,073,344 and 15,470,264,320, in convolutions and dense layers.
    """

    @pytest.mark.long
    @pytest.mark.parametrize(
        ("kind", "multiply_adds", "parameters"),
        [(ResNet18, 1_814_073_344, 11_689_512), (VGG16, 15_470_264_320, 138_357_544)],
    )
    def test_whole(self, kind, multiply_adds, parameters):
        found = wengert.summary(kind(), shape=(1, 3, 224, 224))
        rows = [row for row in found.rows if row.kind in ("Conv2d", "Linear")]
        biases = sum(np.prod(row.outputs[0]) for row in rows if "bias=False" not in row.details)
        assert found.operations["convolution_output"] + found.operations["linear"] == 2 * multiply_adds + biases
        assert found.flops == pytest.approx(2 * multiply_adds, rel=0.01)
        assert found.parameters == parameters

    def test_narrow(self):
        """Of an eighth of the width: the products of the first and last layer shrink by 8, all others by 64."""
        found = wengert.summary(ResNet18(width=8), shape=(1, 3, 224, 224))
        first, last = 112 * 112 * 64 * 147, 512 * 1000
        rest = 1_814_073_344 - first - last
        products = found.operations["convolution_output"] + found.operations["linear"] - 1000
        assert products == 2 * (first // 8 + last // 8 + rest // 64)


class TestTable:
    def test_rows(self):
        found = wengert.summary(Sequential(Conv2d(4, 3), F.relu, Sequential(Dropout(0.5))), shape=(2, 3, 8, 8))
        assert [row.path for row in found.rows] == ["", "layers.0", "layers.2", "layers.2.layers.0"]
        model, convolution, inner, _ = found.rows
        assert convolution.inputs == ((2, 3, 8, 8),) and convolution.outputs == ((2, 4, 6, 6),)
        assert convolution.parameters == 4 * 3 * 9 + 4 and convolution.parameter_bytes == 4 * convolution.parameters
        assert model.flops == found.flops == convolution.flops + 2 * 4 * 6 * 6
        assert inner.flops == 0
        assert "Conv2d(3 -> 4" in str(found) and "(2, 3, 8, 8) -> (2, 4, 6, 6)" in str(found)

    def test_kept(self):
        """Tanh keeps its result, whose memory the product keeps as well: it counts once, where it is first kept."""
        found = wengert.summary(Sequential(F.tanh, Linear(5, in_size=4)), ones(3, 4))
        assert (found.kept_bytes, found.rows[1].kept_bytes) == (48, 48)  # on a constant tanh itself keeps nothing
        found = wengert.summary(Sequential(Linear(4, in_size=4), F.tanh, Linear(5, in_size=4)), ones(3, 4))
        assert [row.kept_bytes for row in found.rows] == [48, 0, 0]
        assert found.bytes == found.parameter_bytes + found.buffer_bytes + found.kept_bytes

    def test_shared_and_repeated(self):
        layer = Linear(4, in_size=4)
        found = wengert.summary(Sequential(layer, layer), ones(2, 4))
        assert [row.calls for row in found.rows] == [1, 2]
        assert found.parameters == 20 and found.flops == 2 * 2 * 4 * 9
        assert "2 calls" in str(found)

        class Tied(Layer):
            def __init__(self) -> None:
                self.first, self.second = Linear(4, in_size=4), Linear(4, in_size=4)
                self.second.weight = self.first.weight

            def forward(self, x: Any) -> Any:
                return self.second(self.first(x))

        found = wengert.summary(Tied(), ones(2, 4))
        assert found.parameters == 16 + 4 + 4
        assert [row.parameters for row in found.rows] == [24, 20, 20]

    def test_frozen_and_buffers(self):
        model = Sequential(Linear(3, in_size=4), BatchNorm2d(3))
        model.layers[0].weight = Parameter(np.ones((4, 3), np.float32), requires_grad=False)
        found = wengert.summary(Calling(lambda x: x), ones(1))
        assert found.parameters == 0 and found.buffer_bytes == 0
        model = Sequential(model.layers[0])
        found = wengert.summary(model, ones(2, 4))
        assert (found.parameters, found.trainable) == (15, 3)
        assert "3 trainable and 12 not" in str(found)
        found = wengert.summary(BatchNorm2d(3), ones(2, 3, 4, 4))
        assert found.buffer_bytes >= 2 * 3 * 4 and "buffers" in str(found)

    def test_never_called(self):
        class Half(Layer):
            def __init__(self) -> None:
                self.used, self.unused = Linear(2), Linear(2)

            def forward(self, x: Any) -> Any:
                return self.used(x)

        found = wengert.summary(Half(), ones(3, 4))
        assert found.rows[2].calls == 0 and "not called" in str(found)
        assert "not made yet       unused.weight" in str(found)

    def test_several_inputs_and_outputs(self):
        both = Calling(lambda x, y: (x + y, x - y))
        found = wengert.summary(both, (ones(2, 3), Variable(ones(2, 3))))
        assert found.rows[0].inputs == ((2, 3), (2, 3)) == found.rows[0].outputs
        assert wengert.summary(both, shape=((2, 3), (1, 3))).rows[0].inputs == ((2, 3), (1, 3))
        assert wengert.summary(LSTM(4), ones(5, 2, 3)).flops > 0

    def test_jax(self):
        jax = pytest.importorskip("jax")
        found = wengert.summary(MLP((5, 3)), jax.numpy.ones((2, 4), np.float32))
        assert found.flops == wengert.summary(MLP((5, 3)), ones(2, 4)).flops


class TestManners:
    def test_the_run_that_follows_is_the_same(self):
        def train(summed: bool) -> Any:
            wengert.seed(1)
            model = Sequential(Conv2d(4, 3), BatchNorm2d(4), Dropout(0.5), F.relu)
            x = ones(2, 3, 6, 6)
            if summed:
                wengert.summary(model, x)
                wengert.summary(model, shape=(1, 3, 6, 6))
            y = model(x)
            y.sum().backward()
            state = [part.data for _, part in model.named_state()]
            return [y.data, *state, *(parameter.grad.data for parameter in model.parameters())]

        for bare, summed in zip(train(False), train(True), strict=True):
            np.testing.assert_array_equal(bare, summed)

    def test_nothing_is_left(self):
        class Wild(Layer):
            """Draws, and writes into a buffer, even in test mode."""

            def __init__(self) -> None:
                self.weight = Parameter(np.ones(3))
                self.norm = BatchNorm2d(3)

            def forward(self, x: Any) -> Any:
                self.norm.running_mean.data = self.norm.running_mean.data + 1
                return x * self.weight + random.generator().normal(size=3)

        model = Wild()
        (model.weight * 2).sum().backward()
        gradient, mean, state = model.weight.grad, model.norm.running_mean.data, random.get_state()
        for x in (ones(2, 3), None):
            if x is None:
                with pytest.raises(ShapeError):
                    wengert.summary(model, ones(2, 7))
            else:
                wengert.summary(model, x)
            assert model.weight.grad is gradient and model.norm.running_mean.data is mean
            assert random.get_state() == state

    def test_it_is_recorded_and_in_test_mode_whatever_is_set(self):
        model = Sequential(Linear(4, in_size=4), Dropout(0.5), F.tanh)
        with wengert.no_grad():
            assert wengert.summary(model, ones(2, 4)).kept_bytes == 32
        assert "dropout" not in wengert.summary(model, ones(2, 4)).operations

    def test_a_model_that_fails_names_the_layer(self):
        model = Sequential(Linear(3, in_size=4), Linear(2, in_size=7))
        with pytest.raises(ShapeError) as caught:
            wengert.summary(model, ones(2, 4))
        assert "Sequential.layers.1 (Linear)" in "\n".join(caught.value.__notes__)

    @pytest.mark.parametrize("given", [{}, {"x": ones(2, 2), "shape": (2, 2)}, {"shape": "no"}, {"shape": (-1,)}])
    def test_refused(self, given):
        with pytest.raises(InputError, match="Fix"):
            wengert.summary(MLP((5, 3)), **given)

    def test_counts_in_words(self):
        words = [module._thousands(n) for n in (9999, 10_000, 999_499, 999_500, 3_640_000_000, 31_000_000_000, 10**16)]
        assert words == ["9,999", "10.0 k", "999 k", "1.00 M", "3.64 G", "31.0 G", "10000 T"]
