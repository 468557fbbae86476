"""Steps 52 to 60: other hardware, files, dropout, convolution and recurrence."""

import numpy as np
import pytest

import wengert.dezero as dezero
import wengert.dezero.functions as F
import wengert.dezero.layers as L
from wengert.dezero import Model, SeqDataLoader, Variable, cuda, optimizers, test_mode
from wengert.dezero.datasets import SinCurve
from wengert.dezero.models import MLP, VGG16
from wengert.dezero.utils import get_conv_outsize

test_mode.__test__ = False


def test_step_52_which_library():
    assert cuda.get_array_module(np.ones(3)) is cuda.get_array_module(Variable(np.ones(3))) is np
    assert cuda.as_numpy(Variable(np.ones(3))).tolist() == [1.0, 1.0, 1.0]
    model = MLP((10, 3))
    model(np.ones((2, 4), np.float32))
    model.to_cpu()
    assert not cuda.gpu_enable
    with pytest.raises(TypeError, match="CuPy"):
        model.to_gpu()
    with pytest.raises(TypeError, match="CuPy"):
        dezero.DataLoader(SinCurve(), 10, gpu=True)


def test_step_53_saved_and_loaded(tmp_path):
    x = np.random.randn(5, 4).astype(np.float32)
    model = MLP((10, 3))
    y = model(x)
    model.save_weights(tmp_path / "weights.npz")
    with np.load(tmp_path / "weights.npz") as file:
        assert sorted(file.files) == ["l0/W", "l0/b", "l1/W", "l1/b"]
    loaded = MLP((10, 3))
    loaded.load_weights(tmp_path / "weights.npz")
    assert np.array_equal(loaded(x).data, y.data)


def test_step_54_dropout():
    x = np.ones(1000)
    y = F.dropout(x)
    assert set(y.data.tolist()) == {0.0, 2.0}
    assert 400 < np.count_nonzero(y.data) < 600
    with test_mode():
        assert not dezero.Config.train
        assert F.dropout(x).data.tolist() == x.tolist()
    np.random.seed(0)
    first = F.dropout(x).data
    np.random.seed(0)
    assert np.array_equal(F.dropout(x).data, first)


def test_step_55_the_size_of_a_convolution():
    assert get_conv_outsize(4, 3, 1, 1) == 4


def test_step_56_the_channels_of_a_convolution():
    x, W = np.ones((1, 2, 3, 3)), np.ones((4, 2, 3, 3))
    assert F.conv2d(x, W, np.arange(4.0)).data.ravel().tolist() == [18.0, 19.0, 20.0, 21.0]


def test_step_57_windows_convolution_and_pooling():
    assert F.im2col(np.random.rand(1, 3, 7, 7), kernel_size=5, stride=1, pad=0, to_matrix=True).shape == (9, 75)
    assert F.im2col(np.random.rand(10, 3, 7, 7), (5, 5), (1, 1), (0, 0)).shape == (90, 75)
    x, W = Variable(np.random.randn(1, 5, 15, 15)), Variable(np.random.randn(8, 5, 3, 3))
    y = F.conv2d_simple(x, W, b=None, stride=1, pad=1)
    y.backward()
    assert (y.shape, x.grad.shape) == ((1, 8, 15, 15), (1, 5, 15, 15))


class Picture:
    """As much of an image of Pillow's as `VGG16.preprocess` asks for."""

    def __init__(self, array):
        self.array = array

    def convert(self, mode):
        assert mode == "RGB"
        return self

    def resize(self, size):
        return Picture(np.broadcast_to(self.array[:1, :1], (size[1], size[0], 3)))

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype=dtype)


def test_step_58_vgg16_at_a_small_size():
    x = VGG16.preprocess(Picture(np.full((9, 7, 3), [10, 20, 30], np.uint8)), size=(32, 32))
    assert (x.shape, x.dtype) == ((3, 32, 32), np.float32)
    assert np.allclose(x[:, 0, 0], [30 - 103.939, 20 - 116.779, 10 - 123.68])
    model = VGG16()
    with test_mode(), dezero.no_grad():
        y = model(x[np.newaxis])
    assert y.shape == (1, 1000)
    names = [name for name, _ in model._named_weights()]
    assert names[:4] == ["conv1_1/W", "conv1_1/b", "conv1_2/W", "conv1_2/b"]
    assert names[-2:] == ["fc8/W", "fc8/b"]


class Forecast(Model):
    def __init__(self, recurrent):
        super().__init__()
        self.rnn = recurrent
        self.fc = L.Linear(1)

    def reset_state(self):
        self.rnn.reset_state()

    def __call__(self, x):
        return self.fc(self.rnn(x))


def train(model, batches, epochs, bptt_length=30):
    """The average losses of the epochs, by backpropagation through so many steps at a time."""
    optimizer = optimizers.Adam().setup(model)
    losses = []
    for _ in range(epochs):
        model.reset_state()
        loss, count = 0, 0
        steps = list(batches())
        for x, t in steps:
            loss += F.mean_squared_error(model(x), t)
            count += 1
            if count % bptt_length == 0 or count == len(steps):
                model.cleargrads()
                loss.backward()
                loss.unchain_backward()
                optimizer.update()
        losses.append(float(loss.data) / count)
    return losses


def one_by_one(data):
    return lambda: [(x.reshape(1, 1), t) for x, t in data]


def test_step_59_a_recurrent_network_foresees_a_wave():
    np.random.seed(0)
    curve = SinCurve(train=True)
    assert len(curve) == 999
    assert curve.data[1] == curve.label[0]
    losses = train(Forecast(L.RNN(100)), one_by_one(curve), 3)
    assert f"{losses[0]:.4f}" == "0.2906"
    assert losses[-1] < 0.1


@pytest.mark.long
def test_step_59_in_full():
    np.random.seed(0)
    losses = train(Forecast(L.RNN(100)), one_by_one(SinCurve(train=True)), 100)
    assert 0.001 < np.median(losses[-30:]) < 0.005


def test_step_60_long_short_term_memory():
    np.random.seed(0)
    loader = SeqDataLoader(SinCurve(train=True), batch_size=30)
    x, t = next(iter(loader))
    assert (x.shape, t.shape, len(loader)) == ((30, 1), (30, 1), 34)
    model = Forecast(L.LSTM(100))
    losses = train(model, lambda: loader, 30)
    assert f"{losses[0]:.4f}" == "0.4830"
    assert losses[-1] < 0.06
    model.reset_state()
    with dezero.no_grad():
        assert model(np.zeros((1, 1))).shape == (1, 1)


@pytest.mark.long
def test_step_60_in_full():
    np.random.seed(0)
    loader = SeqDataLoader(SinCurve(train=True), batch_size=30)
    losses = train(Forecast(L.LSTM(100)), lambda: loader, 100)
    assert 0.005 < np.median(losses[-30:]) < 0.010
