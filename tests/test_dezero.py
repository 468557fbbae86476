"""wengert.dezero: the book's names, arguments and results, without its faults."""

import copy
import doctest
import operator
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import wengert
import wengert.dezero as dezero
import wengert.dezero.functions as F
import wengert.dezero.layers as L
from wengert.core.function import living_functions
from wengert.dezero import Function, Parameter, Variable, core_simple, cuda, no_grad, optimizers, transforms, utils
from wengert.dezero.datasets import SinCurve, Spiral
from wengert.dezero.models import MLP, BuildingBlock, Model, ResNet50, Sequential
from wengert.dezero.utils import get_dot_graph, gradient_check
from wengert.errors import DataError, DeclarationError, DtypeError, GraphError, InputError, ShapeError

NAMES = {
    "": "Variable Parameter Function using_config no_grad test_mode as_array as_variable setup_variable Config Layer Model"
    " Dataset DataLoader SeqDataLoader is_simple_core __version__ datasets dataloaders optimizers functions functions_conv"
    " layers utils cuda transforms models core core_simple",
    "core": "Config using_config no_grad test_mode Variable Parameter as_variable as_array Function setup_variable add Add mul"
    " Mul neg Neg sub Sub rsub div Div rdiv pow Pow",
    "core_simple": "Config using_config no_grad Variable Function as_variable as_array setup_variable Add add Mul mul Neg neg"
    " Sub sub rsub Div div rdiv Pow pow",
    "functions": "sin cos tanh exp log Sin Cos Tanh Exp Log reshape transpose get_item GetItem expand_dims flatten sum sum_to"
    " broadcast_to average mean matmul linear linear_simple sigmoid_simple sigmoid relu leaky_relu softmax_simple softmax"
    " log_softmax mean_squared_error_simple mean_squared_error softmax_cross_entropy_simple softmax_cross_entropy"
    " sigmoid_cross_entropy binary_cross_entropy accuracy dropout batch_nrom embed_id max min clip conv2d deconv2d"
    " conv2d_simple im2col col2im pooling_simple pooling average_pooling add sub rsub mul div neg pow",
    "functions_conv": "conv2d_simple conv2d deconv2d pooling_simple pooling average_pooling im2col col2im im2col_array"
    " col2im_array Conv2d Deconv2d Pooling AveragePooling Im2col Col2im",
    "layers": "Layer Linear Conv2d Deconv2d RNN LSTM EmbedID BatchNorm",
    "models": "Model Sequential MLP VGG16 ResNet ResNet152 ResNet101 ResNet50 BuildingBlock BottleneckA BottleneckB SqueezeNet",
    "optimizers": "Optimizer SGD MomentumSGD AdaGrad AdaDelta Adam WeightDecay ClipGrad FreezeParam",
    "datasets": "Dataset get_spiral Spiral SinCurve MNIST CIFAR10 CIFAR100 ImageNet Shakespear load_cache_npz save_cache_npz",
    "dataloaders": "DataLoader SeqDataLoader",
    "transforms": "Compose Convert Resize CenterCrop ToArray ToPIL RandomHorizontalFlip Normalize Flatten AsType ToFloat ToInt",
    "utils": "get_dot_graph plot_dot_graph sum_to reshape_sum_backward logsumexp max_backward_shape gradient_check"
    " numerical_grad array_equal array_allclose show_progress get_file get_conv_outsize get_deconv_outsize pair cache_dir",
    "cuda": "gpu_enable get_array_module as_numpy as_cupy",
}


@pytest.mark.parametrize("module", NAMES)
def test_every_name_is_there(module):
    where = getattr(dezero, module) if module else dezero
    assert [name for name in NAMES[module].split() if not hasattr(where, name)] == []


@pytest.mark.parametrize("point", ["wengert.dezero.install()", "sys.modules['dezero'] = wengert.dezero"])
def test_under_the_books_own_name(point):
    program = f"""
import sys
import wengert.dezero
{point}
import numpy as np
import dezero
import dezero.functions as F
import dezero.layers as L
from dezero import Variable, Model, optimizers
from dezero.core import Variable as again, Parameter, add
from dezero.models import MLP
assert again is Variable is wengert.dezero.Variable
x = Variable(np.ones((2, 3)))
model = MLP((4, 1))
y = F.sum(model(x) + L.Linear(1)(x))
y.backward()
assert isinstance(y, again) and x.grad.shape == (2, 3)
optimizers.SGD(0.1).setup(model).update()
assert dezero.utils.get_conv_outsize(4, 3, 1, 1) == 4 and dezero.datasets.Spiral and dezero.cuda and dezero.optimizers
"""
    source = Path(wengert.__file__).parents[1]
    environment = {"PYTHONPATH": str(source), "PATH": "", "OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (run.stderr, run.returncode) == ("", 0)


class TestVariable:
    @pytest.mark.parametrize(
        "result",
        [
            lambda x: x + 1,
            lambda x: 1 - x,
            lambda x: x / x,
            lambda x: -x,
            lambda x: x**2,
            lambda x: x @ x.T,
            lambda x: x[0],
            lambda x: x.T,
            lambda x: x.reshape(4),
            lambda x: x.sum(axis=0),
            lambda x: x.max(),
            lambda x: np.sin(x),
            lambda x: np.ones((2, 2)) * x,
            lambda x: np.concatenate([x, x]),
            lambda x: next(iter(x)),
            lambda x: x > 0,
            lambda x: F.sigmoid(x),
            lambda x: F.Sin()(x),
            lambda x: F.dropout(x),
            lambda x: F.max(x, axis=1),
        ],
    )
    def test_results_are_of_its_kind(self, result):
        assert type(result(Variable(np.ones((2, 2))))) is Variable

    def test_wengerts_own_are_not(self):
        x = wengert.Variable(np.ones(2))
        assert type(x * 2.0) is wengert.Variable
        assert type(wengert.functions.sin(x)) is wengert.Variable
        assert type(Parameter(np.ones(2)) * x) is Variable

    def test_gradients_are_of_its_kind(self):
        x = Variable(np.array(2.0))
        y = x**3
        y.backward(retain_grad=True, create_graph=True)
        assert (type(x.grad), type(y.grad)) == (Variable, Variable)
        gx = x.grad
        x.cleargrad()
        gx.backward()
        assert repr(x.grad) == "variable(12.0)"

    @pytest.mark.parametrize("wrong", [1.0, 1, [1.0], "text"])
    def test_only_arrays(self, wrong):
        with pytest.raises(TypeError):
            Variable(wrong)

    def test_nothing_yet(self):
        x = Variable(None, name="x")
        assert (repr(x), x.name, x.grad) == ("variable(None)", "x", None)
        x.data = np.array(2.0)
        y = x * x
        y.backward()
        assert x.grad.data == 4.0

    def test_a_parameter_is_both_packages(self):
        p = Parameter(np.array([1, 2]))
        assert isinstance(p, Variable)
        assert isinstance(p, wengert.Parameter)
        (p * 2.5).sum().backward()
        assert p.grad.data.tolist() == [2.5, 2.5]

    def test_set_creator_is_for_functions(self):
        with pytest.raises(DeclarationError):
            Variable(np.ones(2)).set_creator(Function())

    def test_unchain_backward_and_on(self):
        x = Variable(np.array(2.0))
        loss = x * 3.0
        loss.backward()
        loss.unchain_backward()
        loss = loss + x * 5.0
        loss.backward()
        assert x.grad.data == 8.0

    def test_a_second_backward_adds_to_the_first(self):
        x = Variable(np.array(2.0))
        y = x**2
        y.backward()
        y.backward()
        assert x.grad.data == 8.0

    def test_a_graph_freed_on_purpose_is_gone(self):
        y = Variable(np.array(2.0)) ** 2
        y.backward(retain_graph=False)
        with pytest.raises(GraphError, match="retain_graph=True"):
            y.backward()

    def test_part_of_the_graph_is_made_before_the_loop(self):
        x, W = Variable(np.array([[0.0], [1.0], [2.0]])), Variable(np.zeros((1, 1)))
        t, w = 5 + 2 * x, 0.0
        for _ in range(5):
            loss = F.sum((F.matmul(x, W) - t) ** 2)
            W.cleargrad()
            loss.backward()
            W.data -= 0.01 * W.grad.data
            w -= 0.01 * 2 * (5 * w - 25)
        np.testing.assert_allclose(W.data, [[w]])

    def test_the_graph_dies_with_its_variables(self):
        x, W = Variable(np.ones((4, 3))), Parameter(np.ones((3, 2)))
        before, counts = len(list(living_functions())), set()
        for _ in range(50):
            loss = F.sum(F.tanh(F.matmul(x, W)) ** 2)
            W.cleargrad()
            loss.backward()
            counts.add(len(list(living_functions())) - before)
        del loss
        assert len(counts) <= 2 and len(list(living_functions())) <= before

    @pytest.mark.parametrize("kind", [Variable, Parameter, core_simple.Variable])
    @pytest.mark.parametrize("sign", ["add", "sub", "mul", "truediv", "pow"])
    def test_augmented_assignment_makes_a_new_variable(self, kind, sign):
        x = y = kind(np.array(3.0))
        y = getattr(operator, f"i{sign}")(y, 2.0)
        assert y is not x and x.data == 3.0
        assert y.data == getattr(operator, sign)(3.0, 2.0)
        y.backward()
        assert x.grad is not None

    @pytest.mark.parametrize("shape", [(), (1,), (2,), (1, 1), (1, 2), (3, 1), (3, 2)])
    def test_a_bias_of_any_shape_that_broadcasts(self, shape):
        rng = np.random.default_rng(0)
        x, W, b = (Variable(rng.normal(size=size)) for size in ((3, 4), (4, 2), shape))
        y = F.linear(x, W, b)
        weights = rng.normal(size=(3, 2))
        np.testing.assert_allclose(y.data, x.data @ W.data + b.data)
        F.sum(y * weights).backward()
        np.testing.assert_allclose(b.grad.data, utils.sum_to(weights, shape))
        np.testing.assert_allclose(W.grad.data, x.data.T @ weights)

    def test_one_entry_is_close_to_one_entry(self):
        assert utils.array_allclose(np.ones(1), np.array(1.0))
        assert not utils.array_allclose(np.ones(1), np.array(2.0))
        assert not utils.array_allclose(np.ones(2), np.array(1.0))

    def test_number_conversions_of_the_book(self):
        x = Variable(np.array([[2.0]]))
        assert float((x * 1.0).data[0, 0]) == 2.0
        assert float((x * 1.0)[0, 0].data) == 2.0


class TestIntegers:
    def test_a_gradient_of_integers(self):
        x = Variable(np.array(3))
        y = x**2
        y.backward()
        assert (repr(y), repr(x.grad)) == ("variable(9)", "variable(6)")

    @pytest.mark.parametrize("create_graph", [False, True])
    def test_a_gradient_that_is_no_integer_is_kept_whole(self, create_graph):
        x = Variable(np.array([1, 2, 3]))
        for _ in range(2):
            F.sum(x * 0.25).backward(create_graph=create_graph)
        assert x.grad.data.tolist() == [0.5, 0.5, 0.5]
        assert x.data.dtype == np.int64

    def test_a_gradient_set_by_hand(self):
        x = Variable(np.array([1, 2]))
        x.grad = np.array([0.5, 0.5])
        assert x.grad.data.tolist() == [0.5, 0.5]
        with pytest.raises(ShapeError):
            x.grad = np.ones(3)

    def test_division(self):
        x = Variable(np.array(4))
        y = 1 / x
        y.backward()
        assert (y.data, x.grad.data) == (0.25, -1 / 16)

    def test_labels_may_be_variables(self):
        x, t = Variable(np.random.randn(3, 4)), Variable(np.array([0, 3, 1]))
        F.softmax_cross_entropy(x, t).backward()
        assert x.grad.shape == (3, 4)
        assert t.grad is None
        assert F.accuracy(x, t).shape == ()
        assert L.EmbedID(5, 2)(t).shape == (3, 2)

    def test_complex_numbers_stay_constants(self):
        assert not Variable(np.array(1j)).requires_grad


class TestFunction:
    def test_several_results_and_generations(self):
        class Both(Function):
            def forward(self, x, y):
                return x + y, x * y

            def backward(self, g_sum, g_product):
                x, y = self.inputs
                return g_sum + g_product * y, g_sum + g_product * x

        x, y = Variable(np.array(2.0)), Variable(np.array(3.0))
        total, product = Both()(x, y)
        z = total * product
        assert [v.generation for v in (x, total, z)] == [0, 1, 2]
        assert total.creator.outputs[1]() is product
        assert type(total.creator.inputs[0]) is Variable
        z.backward()
        assert (z.data, x.grad.data, y.grad.data) == (30.0, 6.0 + 5.0 * 3.0, 6.0 + 5.0 * 2.0)

    def test_nothing_among_the_inputs(self):
        class Affine(Function):
            def forward(self, x, W, b):
                return x @ W if b is None else x @ W + b

            def backward(self, gy):
                x, W, b = self.inputs
                return F.matmul(gy, W.T), F.matmul(x.T, gy), None if b.data is None else F.sum_to(gy, b.shape)

        x, W = Variable(np.ones((2, 3))), Variable(np.ones((3, 1)))
        Affine()(x, W, None).backward()
        assert W.grad.data.tolist() == [[2.0]] * 3

    def test_the_simple_core(self):
        class Cube(core_simple.Function):
            def forward(self, x):
                return x**3

            def backward(self, gy):
                return 3 * self.inputs[0].data ** 2 * gy

        x = core_simple.Variable(np.array(2.0))
        y = Cube()(x) + x
        y.backward()
        assert type(y) is core_simple.Variable
        assert type(x.grad) is np.ndarray
        assert x.grad == 13.0
        assert core_simple.Pow(2)(core_simple.as_variable(np.array(3.0))).data == 9.0

    def test_the_simple_core_counts_gradients(self):
        class Wrong(core_simple.Function):
            def forward(self, x, y):
                return x + y

            def backward(self, gy):
                return gy

        x = core_simple.Variable(np.array(2.0))
        with pytest.raises(DeclarationError, match="returned 1 gradients for 2 inputs"):
            Wrong()(x, x).backward()

    def test_classes_are_made_with_options(self):
        x = Variable(np.ones((2, 3)))
        assert F.Sum(0, keepdims=True)(x).shape == (1, 3)
        assert dezero.core.Pow(2)(x).shape == (2, 3)
        with pytest.raises(TypeError, match="axis, keepdims"):
            F.Sum(0, True, 1)

    def test_config_can_be_set(self):
        assert dezero.Config.train
        try:
            dezero.Config.train = False
            assert F.dropout(np.ones(5)).data.tolist() == [1.0] * 5
        finally:
            dezero.Config.train = True


class TestFunctions:
    def test_softmax_goes_along_axis_1(self):
        x = np.random.randn(2, 3, 4)
        assert np.allclose(F.softmax(x).data.sum(axis=1), 1.0)
        assert np.allclose(np.exp(F.log_softmax(x).data).sum(axis=1), 1.0)
        assert np.allclose(F.softmax(x, axis=0).data.sum(axis=0), 1.0)

    @pytest.mark.parametrize("shape", [(4, 1), (4, 3), (4, 2, 3)])
    def test_losses_are_divided_by_rows(self, shape):
        x, t = np.random.rand(*shape), (np.random.rand(*shape) > 0.5).astype(float)
        assert np.allclose(F.mean_squared_error(x, t).data, ((x - t) ** 2).sum() / 4)
        p = 1 / (1 + np.exp(-x))
        bits = -(t * np.log(p) + (1 - t) * np.log(1 - p)).sum() / 4
        assert np.allclose(F.sigmoid_cross_entropy(x, t).data, bits)
        assert np.allclose(F.binary_cross_entropy(p, t).data, bits)

    def test_losses_of_a_column_take_a_row_of_labels(self):
        x, t = np.random.randn(4, 1), np.array([0, 1, 1, 0])
        assert np.allclose(F.sigmoid_cross_entropy(x, t).data, F.sigmoid_cross_entropy(x, t.reshape(4, 1)).data)

    def test_losses_do_not_saturate(self):
        x = Variable(np.array([[-40.0], [40.0]]))
        loss = F.sigmoid_cross_entropy(x, np.array([[1], [1]]))
        loss.backward()
        assert np.allclose(loss.data, 20.0)
        assert np.allclose(x.grad.data, [[-0.5], [0.0]])
        assert F.binary_cross_entropy(np.ones((1, 1)), np.ones((1, 1))).data == 0.0

    @pytest.mark.parametrize(("ours", "theirs"), [((1, 1), (1,)), ((1,), (1, 1)), ((1, 4), (4,)), ((1, 2, 3), (2, 3))])
    def test_losses_of_a_batch_of_one(self, ours, theirs):
        x, t = Variable(np.random.randn(*ours)), np.random.randn(*theirs)
        loss = F.mean_squared_error(x, t)
        loss.backward()
        assert np.allclose(loss.data, ((x.data - t) ** 2).sum() / len(x.data - t))
        assert np.allclose(x.grad.data.ravel(), 2 * (x.data.ravel() - t.ravel()) / len(x.data - t))

    def test_losses_refuse_shapes_that_differ(self):
        with pytest.raises(ShapeError):
            F.mean_squared_error(np.ones((4, 1)), np.ones(4))
        with pytest.raises(ShapeError):
            F.softmax_cross_entropy(np.ones((3, 4)), np.zeros((3, 1), int))
        with pytest.raises(InputError):
            F.softmax_cross_entropy(np.ones((1, 4)), np.array([-1]))

    @pytest.mark.parametrize("ratio", [1.0, 1.5, -1.0])
    def test_dropout_refuses(self, ratio):
        with pytest.raises(InputError):
            F.dropout(np.ones(3), ratio)

    def test_float32_stays(self):
        x = Variable(np.ones((2, 3), np.float32))
        y = F.dropout(F.sigmoid(L.Linear(4)(x * 2.0)))
        loss = F.mean_squared_error(y, np.zeros((2, 4), np.float32))
        loss.backward()
        assert y.dtype == loss.dtype == x.grad.dtype == np.float32

    def test_batch_normalization_moves_the_arrays(self):
        x = np.random.randn(8, 3) * 2 + 1
        mean, var = np.zeros(3), np.ones(3)
        out = F.batch_nrom(x, np.full(3, 2.0), np.ones(3), mean, var)
        assert np.allclose(out.data, 2 * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 2e-5) + 1)
        assert np.allclose(mean, 0.1 * x.mean(axis=0))
        assert np.allclose(var, 0.9 + 0.1 * x.var(axis=0, ddof=1))
        before = mean.copy()
        with dezero.test_mode():
            F.batch_nrom(x, np.ones(3), np.ones(3), mean, var)
        assert np.array_equal(mean, before)

    def test_pooling_takes_steps_of_one(self):
        x = np.arange(16.0).reshape(1, 1, 4, 4)
        assert F.pooling(x, 2).data[0, 0].tolist() == [[5, 6, 7], [9, 10, 11], [13, 14, 15]]
        assert F.average_pooling(x, (2, 4), 2).data[0, 0].tolist() == [[3.5], [11.5]]
        assert F.pooling(-np.ones((1, 1, 2, 2)), 2, 2, 1).data.ravel().tolist() == [-1.0] * 4

    @pytest.mark.parametrize("size", [7, 8])
    def test_deconvolution_to_a_size(self, size):
        x = np.random.randn(2, 3, size, size)
        W = np.random.randn(4, 3, 3, 3)
        y = F.conv2d(x, W, stride=2)
        assert F.deconv2d(y, W, stride=2, outsize=(size, size)).shape == x.shape

    def test_windows_of_arrays(self):
        x = np.random.randn(2, 3, 5, 4)
        columns = dezero.functions_conv.im2col_array(x, 3, 1, 1)
        assert type(columns) is np.ndarray
        assert columns.shape == (40, 27)
        image = dezero.functions_conv.col2im_array(columns, x.shape, 3, 1, 1)
        assert np.allclose(image[:, :, 1, 1], 9 * x[:, :, 1, 1])

    @pytest.mark.parametrize(
        "f",
        [
            F.sin,
            F.sigmoid,
            F.softmax,
            F.leaky_relu,
            lambda x: F.mean_squared_error(x, np.ones((3, 4))),
            lambda x: F.softmax_cross_entropy(x, np.array([0, 3, 1])),
            lambda x: F.linear(x, np.arange(8.0).reshape(4, 2)),
            lambda x: F.batch_nrom(x, np.ones(4), np.zeros(4), np.zeros(4), np.ones(4)),
            lambda x: F.clip(x, -0.5, 0.5),
            lambda x: F.max(x, axis=-1),
            lambda x: F.average(x, axis=0),
        ],
    )
    def test_gradients(self, f):
        assert gradient_check(f, np.random.RandomState(0).randn(3, 4))


class TestLayers:
    def test_names_and_order(self):
        model = MLP((10, 3))
        model(np.ones((2, 4)))
        assert [(p.name, p.shape) for p in model.params()] == [
            ("W", (4, 10)),
            ("b", (10,)),
            ("W", (10, 3)),
            ("b", (3,)),
        ]
        assert L.Linear(3, nobias=True).b is None
        assert L.Linear(3, True, np.float64, 2).W.dtype == np.float64

    def test_weights_are_the_books(self):
        np.random.seed(0)
        W = L.Linear(3, in_size=4).W.data
        np.random.seed(0)
        assert np.allclose(W, np.random.randn(4, 3) / 2)
        assert W.dtype == np.float32
        np.random.seed(0)
        W = L.Conv2d(2, (1, 2), in_channels=2).W.data
        np.random.seed(0)
        assert np.allclose(W, np.random.randn(2, 2, 1, 2) / 2)

    def test_convolutions(self):
        x = np.random.randn(2, 3, 6, 6).astype(np.float32)
        layer = L.Conv2d(4, 3, stride=2, pad=1)
        y = layer(x)
        assert (y.shape, layer.W.shape, layer.b.shape, y.dtype) == ((2, 4, 3, 3), (4, 3, 3, 3), (4,), np.float32)
        back = L.Deconv2d(3, 4, stride=2, pad=1, nobias=True)
        assert (back(y).shape, back.W.shape, back.b) == ((2, 3, 6, 6), (4, 3, 4, 4), None)

    def test_inputs_and_outputs_of_the_last_call(self):
        layer, x = L.Linear(3), Variable(np.ones((2, 4)))
        y = layer(x)
        assert layer.inputs[0]() is x
        assert layer.outputs[0]() is y

    def test_a_gradient_inside_a_model(self):
        model = Sequential(L.Conv2d(2, 3), F.relu, F.flatten, L.Linear(3))
        y = model(np.random.randn(1, 1, 5, 5))
        inner = model.l0.outputs[0]()
        y[0, 1].backward(retain_grad=True)
        assert inner.grad.shape == inner.shape == (1, 2, 3, 3)
        assert F.average(inner.grad, axis=(0, 2, 3)).shape == (2,)

    def test_without_a_tape_nothing_is_held(self):
        layer = L.Linear(3)
        with no_grad():
            y = layer(np.ones((2, 4)))
        del y
        assert layer.outputs[0]() is None

    def test_a_called_model_can_be_copied(self):
        model = MLP((3, 1))
        x = np.ones((2, 2))
        y = model(x)
        twin = pickle.loads(pickle.dumps(model))
        assert np.array_equal(twin(x).data, y.data)
        assert type(twin.l0.W) is Parameter
        copy.deepcopy(model).l0.W.data += 1
        assert np.array_equal(model(x).data, y.data)

    def test_plain_recurrence(self):
        layer, x = L.RNN(4, in_size=3), np.random.randn(2, 3)
        h = layer(x)
        assert np.allclose(h.data, np.tanh(x @ layer.x2h.W.data + layer.x2h.b.data))
        assert np.allclose(layer(x).data, np.tanh(x @ layer.x2h.W.data + layer.x2h.b.data + h.data @ layer.h2h.W.data))
        with pytest.raises(ShapeError, match="reset_state"):
            layer(np.ones((5, 3)))
        layer.reset_state()
        assert np.allclose(layer(x).data, h.data)

    def test_long_short_term_memory(self):
        layer, x = L.LSTM(4), np.random.randn(2, 3)

        def gate(name, h, squash):
            z = x @ getattr(layer, f"x2{name}").W.data + getattr(layer, f"x2{name}").b.data
            return squash(z + h @ getattr(layer, f"h2{name}").W.data)

        def sigmoid(z):
            return 1 / (1 + np.exp(-z))

        layer(x)
        h, c = np.zeros((2, 4)), np.zeros((2, 4))
        layer.reset_state()
        for _ in range(3):
            c = gate("f", h, sigmoid) * c + gate("i", h, sigmoid) * gate("u", h, np.tanh)
            h = gate("o", h, sigmoid) * np.tanh(c)
            assert np.allclose(layer(x).data, h)
            assert np.allclose(layer.c.data, c)
        assert len(list(layer.params())) == 12

    def test_batch_normalization_is_saved(self, tmp_path):
        model = Sequential(L.Linear(3), L.BatchNorm(), F.relu)
        x = np.random.randn(8, 2).astype(np.float32)
        model(x)
        model.save_weights(tmp_path / "weights")
        other = Sequential(L.Linear(3), L.BatchNorm(), F.relu)
        other.load_weights(tmp_path / "weights")
        with dezero.test_mode():
            assert np.array_equal(other(x).data, model(x).data)
        with np.load(tmp_path / "weights") as file:
            assert {"l1/avg_mean", "l1/avg_var", "l1/gamma", "l1/beta", "l0/W", "l0/b"} == set(file.files)
        assert [p.grad for p in model.l1.params()] == [None] * 4

    @pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1, 1)])
    def test_batch_normalization_of_a_single_entry(self, shape):
        # Programs of the book draw the weights of all their layers with a batch of one.
        layer, x = L.BatchNorm(), Variable(np.random.randn(*shape).astype(np.float32))
        layer(np.repeat(x.data, 4, axis=0) * np.arange(4, dtype=np.float32).reshape(-1, *[1] * (len(shape) - 1)))
        layer.beta.data = np.array([1, 2, 3], np.float32)
        mean, var = layer.avg_mean.data.copy(), layer.avg_var.data.copy()
        y = layer(x)
        (y * y).sum().backward()
        assert (y.shape, y.dtype, y.data.ravel().tolist()) == (shape, np.float32, [1.0, 2.0, 3.0])
        assert x.grad.data.ravel().tolist() == layer.gamma.grad.data.tolist() == [0.0, 0.0, 0.0]
        assert layer.beta.grad.data.tolist() == [2.0, 4.0, 6.0]
        assert np.allclose(layer.avg_mean.data, 0.9 * mean + 0.1 * x.data.ravel())
        assert np.allclose(layer.avg_var.data, 0.9 * var)
        assert layer.avg_mean.dtype == layer.avg_var.dtype == np.float32

    def test_saving_names_what_is_not_there_yet(self, tmp_path):
        with pytest.raises(InputError, match="l0/W, l1/W"):
            MLP((3, 2)).save_weights(tmp_path / "weights.npz")
        assert list(tmp_path.iterdir()) == []

    def test_loading_names_what_does_not_fit(self, tmp_path):
        model = MLP((3, 2))
        model(np.ones((1, 4)))
        model.save_weights(tmp_path / "weights.npz")
        other = MLP((3, 5, 2))
        other(np.ones((1, 4)))
        before = other.l1.W.data
        with pytest.raises(DataError, match="l1/W: its shape is") as error:
            other.load_weights(tmp_path / "weights.npz")
        assert "l2/W is missing" in str(error.value)
        assert other.l1.W.data is before
        with pytest.raises(DataError):
            other.load_weights(tmp_path / "nowhere.npz")
        (tmp_path / "damaged").write_bytes(b"PK\x03\x04")
        with pytest.raises(DataError):
            other.load_weights(tmp_path / "damaged")
        np.save(tmp_path / "array.npy", np.ones(3))
        with pytest.raises(DataError):
            other.load_weights(tmp_path / "array.npy")

    def test_layers_in_lists_are_saved_too(self, tmp_path):
        class Stack(Model):
            def __init__(self):
                super().__init__()
                self.stack = [L.Linear(2, in_size=2), L.Linear(2, in_size=2)]
                self.scale = Parameter(np.ones(2))

            def forward(self, x):
                return self.stack[1](self.stack[0](x)) * self.scale

        model = Stack()
        assert [name for name, _ in model._named_weights()] == [
            "scale",
            "stack/0/W",
            "stack/0/b",
            "stack/1/W",
            "stack/1/b",
        ]

    def test_a_stage_of_a_resnet(self):
        stage = BuildingBlock(2, 4, 2, 8, 2)
        assert stage(np.random.randn(2, 4, 6, 6)).shape == (2, 8, 3, 3)
        names = [name for name, _ in stage._named_weights()]
        assert names[0] == "a/conv1/W"
        assert "b1/bn3/avg_var" in names

    def test_a_resnet(self):
        model = ResNet50()
        with dezero.test_mode(), no_grad():
            assert model(np.zeros((1, 3, 32, 32), np.float32)).shape == (1, 1000)
        assert model.conv1.W.shape == (64, 3, 7, 7)


class TestOptimizers:
    def test_the_rate_of_adam(self):
        optimizer = optimizers.Adam(alpha=0.1, beta1=0.8)
        optimizer.alpha = 0.2
        assert (optimizer.lr, optimizer.beta1) == (0.2, 0.8)
        assert optimizers.Adam(0.5).alpha == 0.5

    def test_one_of_ones_own(self):
        class Descent(optimizers.Optimizer):
            def __init__(self, lr):
                super().__init__()
                self.lr = lr

            def update_one(self, param):
                param.data -= self.lr * param.grad.data

        model = MLP((3, 1))
        optimizer = Descent(0.1).setup(model)
        optimizer.add_hook(lambda params: [setattr(p, "grad", p.grad * 0.0) for p in params])
        F.sum(model(np.ones((2, 2)))).backward()
        before = model.l0.W.data.copy()
        optimizer.update()
        assert np.array_equal(model.l0.W.data, before)

    def test_frozen_layers(self):
        model = MLP((3, 1))
        F.sum(model(np.ones((2, 2)))).backward()
        before = model.l0.W.data.copy(), model.l1.W.data.copy()
        optimizer = optimizers.SGD(0.1).setup(model)
        optimizer.add_hook(optimizers.FreezeParam(model.l0))
        optimizer.update()
        assert np.array_equal(model.l0.W.data, before[0])
        assert not np.array_equal(model.l1.W.data, before[1])


class TestData:
    def test_a_loader_begins_again(self):
        loader = dezero.DataLoader(Spiral(), 100, shuffle=False)
        for x, _ in loader:
            first = x
            break
        assert np.array_equal(next(iter(loader))[0], first)
        assert (loader.max_iter, loader.data_size, len(loader)) == (3, 300, 3)

    def test_numpy_is_seeded_and_not_disturbed(self):
        np.random.seed(0)
        before = np.random.get_state()[1].copy()
        Spiral()
        assert np.array_equal(np.random.get_state()[1], before)
        orders = []
        for _ in range(2):
            np.random.seed(0)
            orders.append(next(dezero.DataLoader(Spiral(), 300))[1].tolist() + SinCurve().data[:5].ravel().tolist())
        assert orders[0] == orders[1]

    def test_sequences_in_parallel(self):
        x, t = next(dezero.SeqDataLoader(SinCurve(train=False), 3))
        curve = SinCurve(train=False)
        assert np.array_equal(x, curve.data[[0, 333, 666]])
        assert np.array_equal(t, curve.label[[0, 333, 666]])

    def test_sizes_are_width_and_height(self):
        x = np.random.rand(3, 8, 8)
        assert transforms.Resize((4, 2))(x).shape == transforms.CenterCrop((4, 2))(x).shape == (3, 2, 4)
        assert transforms.Resize(3, mode=Image.BILINEAR)(x).shape == (3, 3, 3)

    def test_pictures_of_pillows(self):
        image = Image.fromarray(np.full((4, 4, 3), [10, 20, 30], np.uint8))
        assert transforms.Convert("BGR")(image).getpixel((0, 0)) == (30, 20, 10)
        assert transforms.Convert()(image).getpixel((0, 0)) == (10, 20, 30)
        chain = transforms.Compose([transforms.Resize(2), transforms.ToArray(), transforms.Normalize(0.0, 255.0)])
        assert np.allclose(chain(image)[:, 0, 0], np.array([10, 20, 30]) / 255)


class TestUtils:
    def test_gradient_check_finds_a_fault(self, capsys):
        class Wrong(Function):
            def forward(self, x):
                return x**2

            def backward(self, gy):
                return self.inputs[0] * gy

        assert not gradient_check(Wrong(), np.array([1.0, 2.0]))
        assert "differ" in capsys.readouterr().out
        x = Variable(np.array([1.0, 2.0], np.float32))
        assert gradient_check(lambda x, y, scale: x * y * scale, x, np.array(3.0), scale=2.0)
        assert x.dtype == np.float32

    def test_gradient_check_steps_over_no_corner(self):
        x = np.array([[99.65, 99.652, 3.0], [-1000.0, -1000.5, -1001.0]])
        assert gradient_check(lambda x: F.max(x, axis=1), x)
        assert gradient_check(F.relu, np.array([-1000.0, 1e-3, 1000.0]))

    def test_gradient_check_of_a_constant(self):
        assert gradient_check(lambda x: np.ones(2), np.array([1.0, 2.0]))
        assert gradient_check(lambda x: x * 0.0, np.array([1.0, 2.0]))

    def test_gradient_check_runs_twice_for_an_entry(self):
        calls = []
        assert gradient_check(lambda x: F.broadcast_to((calls.append(0), x)[1], (50, 2)), np.array([1.0, 2.0]))
        assert len(calls) == 1 + 2 * 2

    def test_numerical_grad_of_integers(self):
        assert np.allclose(utils.numerical_grad(lambda x: x**2, Variable(np.array([1, 2, 3]))), [2, 4, 6])

    def test_shapes_count_in_comparisons(self):
        assert not utils.array_allclose(np.ones((3, 1)), np.ones((1, 3)))
        assert utils.array_equal(Variable(np.ones(2)), np.ones(2))

    @pytest.mark.parametrize("wrong", [1.5, (1, 2, 3), "ab", True])
    def test_pairs(self, wrong):
        assert utils.pair(np.int64(2)) == utils.pair([2, 2]) == (2, 2)
        with pytest.raises(InputError):
            utils.pair(wrong)

    def test_sums_backward(self):
        gy = Variable(np.ones((2, 4)))
        assert utils.reshape_sum_backward(gy, (2, 3, 4), 1, False).shape == (2, 1, 4)
        assert utils.reshape_sum_backward(Variable(np.ones(3)), (2, 3, 4), (0, -1), False).shape == (1, 3, 1)
        assert utils.max_backward_shape(np.ones((2, 3)), None) == [1, 1]
        assert utils.logsumexp(np.zeros((2, 4))).tolist() == [[np.log(4)]] * 2

    def test_progress(self, capsys):
        utils.show_progress(1, 50, 100)
        assert capsys.readouterr().out == "\r[" + "#" * 15 + "." * 15 + "] 50.00%"

    def test_no_cupy(self):
        with pytest.raises(DtypeError, match="JAX"):
            cuda.as_cupy(np.ones(2))


class TestGraph:
    def test_labels_tell_shapes_and_dtypes(self):
        x, W = Variable(np.ones((2, 3)), "x"), Variable(np.ones((3, 4)), 'the "weight"')
        loss = F.mean_squared_error(F.tanh(F.matmul(x, W) * 2), np.zeros((2, 4)))
        text = get_dot_graph(loss)
        labels = {line.split('label="')[1].split('", color')[0] for line in text.splitlines() if "label" in line}
        assert {"x: (2, 3) float64", 'the \\"weight\\": (3, 4) float64', "() int64", "(2, 4) float64"} <= labels
        assert {"MatMul", "Mul", "Tanh", "MeanSquaredError"} <= labels

    def test_each_node_once(self):
        x = Variable(np.array(1.0), "x")
        y = x
        for _ in range(5):
            y = y * x
        assert sum('label="x"' in line for line in get_dot_graph(y, verbose=False).splitlines()) == 1

    def test_constants_are_nodes_and_exponents_are_not(self):
        x = Variable(np.array(1.0))
        assert get_dot_graph(x + 1, verbose=False).count("orange") == 3
        assert get_dot_graph(x**2, verbose=False).count("orange") == 2

    def test_functions_with_several_results(self):
        class Both(Function):
            def forward(self, x):
                return x + 1, x - 1

            def backward(self, g0, g1):
                return g0 + g1

        first, second = Both()(Variable(np.ones(2)))
        text = get_dot_graph(first * second, verbose=False)
        assert text.count("->") == 3 + 3
        assert 'label="Both"' in text

    def test_families_of_inputs(self):
        x, y = Variable(np.ones(2)), Variable(np.ones(3))
        text = get_dot_graph(np.concatenate([x, y]), verbose=True)
        assert text.count("->") == 3

    def test_a_leaf_has_none(self):
        with pytest.raises(GraphError):
            get_dot_graph(Variable(np.ones(2)))

    def test_drawing_needs_a_kind(self, tmp_path):
        with pytest.raises(InputError, match="suffix"):
            utils.plot_dot_graph(Variable(np.ones(2)) * 2, to_file=tmp_path / "graph")


def test_the_document():
    path = Path(__file__).parent.parent / "docs" / "dezero.md"
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "dezero"}
    result = doctest.testfile(str(path), module_relative=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "dezero"]:
        del sys.modules[name]
    sys.modules.update(before)
    assert result.attempted > 5
    assert result.failed == 0


class TestCutting:
    """What is cut is a leaf for everything that was computed from it, also by way of another result."""

    @pytest.mark.parametrize("create_graph", [False, True])
    @pytest.mark.parametrize("package", [wengert, dezero])
    def test_unchain_after_use(self, package, create_graph):
        x = package.Variable(np.array(2.0))
        y = x**2
        z = y * 3.0 + y**2
        y.unchain()
        z.backward(create_graph=create_graph)
        assert (y.creator, y.generation, y.grad.data, x.grad) == (None, 0, 11.0, None)

    def test_unchain_one_of_several_results(self):
        class Both(Function):
            def forward(self, x):
                return x + 1.0, x * 2.0

            def backward(self, ga, gb):
                return ga + 2.0 * gb

        x = Variable(np.array(2.0))
        a, b = Both()(x)
        z = a * b
        a.unchain()
        z.backward()
        assert (a.grad.data, x.grad.data) == (4.0, 6.0)

    @pytest.mark.parametrize("package", [wengert, dezero])
    def test_cut_by_another_root(self, package):
        x = package.Variable(np.array(2.0))
        a = x**2
        one, other = a * 3.0, a * 5.0 + x
        one = one * 1.0
        one.unchain_backward()
        other.backward()
        assert (a.grad.data, x.grad.data) == (5.0, 1.0)

    def test_second_derivative_stops_there_too(self):
        x = Variable(np.array(3.0))
        y = x**2
        z = y**3
        y.unchain()
        z.backward(create_graph=True)
        gy = y.grad
        y.cleargrad()
        gy.backward()
        assert (gy.data, y.grad.data, x.grad) == (243.0, 54.0, None)

    def test_what_nobody_holds_is_cut_as_well(self):
        x = Variable(np.array(2.0))
        a = x * 1.0
        b = (a * 2.0) * 3.0
        c = b * 4.0
        b.unchain_backward()
        c.backward()
        assert (b.grad.data, a.grad, x.grad) == (4.0, None, None)


def _books_conv2d(x, W, b, stride, pad):
    (sy, sx), (py, px) = stride, pad
    x = np.pad(x, ((0, 0), (0, 0), (py, py), (px, px)))
    windows = np.lib.stride_tricks.sliding_window_view(x, W.shape[2:], axis=(2, 3))[:, :, ::sy, ::sx]
    y = np.tensordot(np.ascontiguousarray(windows.transpose(0, 1, 4, 5, 2, 3)), W, ((1, 2, 3), (1, 2, 3)))
    return np.rollaxis(y if b is None else y + b, 3, 1)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    "sizes",
    [
        (1, 5, 15, 15, 8, 3, 3, (1, 1), (1, 1)),
        (1, 5, 15, 15, 8, 3, 3, (3, 1), (2, 1)),
        (2, 5, 20, 15, 3, 5, 3, (1, 1), (3, 3)),
    ],
)
def test_a_convolution_has_the_books_bits(sizes, bias):
    n, c, h, w, o, kh, kw, stride, pad = sizes
    rng = np.random.default_rng(0)
    x, W = rng.normal(size=(n, c, h, w)).astype("f"), rng.normal(size=(o, c, kh, kw)).astype("f")
    b = rng.normal(size=o).astype("f") if bias else None
    y = F.conv2d(x, W, b, stride, pad)
    assert y.dtype == np.float32
    assert np.array_equal(y.data, _books_conv2d(x, W, b, stride, pad))


def test_a_convolutions_derivatives_are_wengerts():
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=size) for size in ((2, 3, 6, 5), (4, 3, 3, 2), (4,))]
    found = []
    for kind, conv in ((Variable, F.conv2d), (wengert.Variable, wengert.functions.conv2d)):
        inputs = [kind(array) for array in arrays]
        y = conv(*inputs, 2, 1)
        (y * y).sum().backward(create_graph=True)
        first = [v.grad for v in inputs]
        for v in inputs:
            v.cleargrad()
        sum((g**2).sum() for g in first).backward()
        found.append([g.data for g in first] + [v.grad.data for v in inputs])
    for ours, house in zip(*found, strict=True):
        np.testing.assert_allclose(ours, house, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y, part: x * y,
        lambda x, y, part: x * x,
        lambda x, y, part: x + part,
        lambda x, y, part: x / part,
        lambda x, y, part: -x,
        lambda x, y, part: F.matmul(x, y),
        lambda x, y, part: F.linear(x, y, part),
        lambda x, y, part: part - x,
        lambda x, y, part: F.sum(x, axis=1),
        lambda x, y, part: x**3,
        lambda x, y, part: F.softmax(x),
        lambda x, y, part: F.relu(x),
        lambda x, y, part: F.max(x, axis=1),
        lambda x, y, part: x[0],
    ],
)
def test_a_call_is_gone_back_through_by_hand(function):
    rng = np.random.default_rng(0)
    x, y = Variable(rng.normal(size=(3, 3))), Variable(rng.normal(size=(3, 3)))
    part = Variable(rng.normal(size=(2, 3)))[0]
    z = function(x, y, part)
    gz = Variable(rng.normal(size=z.shape))
    call = z.creator
    back = call.backward(gz)
    back = back if isinstance(back, tuple) else (back,)
    assert call.outputs[0]() is z
    assert len(back) == len(call.inputs)
    sums = {}
    for v, g in zip(call.inputs, back, strict=True):
        assert isinstance(g, wengert.Variable)
        assert g.shape == v.shape
        sums[v.node] = sums.get(v.node, 0.0) + g.data
    held = call.inputs
    z.backward(gradient=gz, retain_grad=True)
    for v in held:
        np.testing.assert_allclose(v.grad.data, sums[v.node], rtol=1e-12)
    np.testing.assert_array_equal(sum((g**2).sum() for g in back).shape, ())
