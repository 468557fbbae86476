"""The plots: what they show, where it goes, and the norms of gradients that one of them is of."""

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import Variable
from wengert import functions as F
from wengert.data import Arrays, DataLoader
from wengert.errors import InputError, ShapeError, UnsizedError
from wengert.layers import BatchNorm1d, Conv2d, Linear, Sequential
from wengert.models import MLP
from wengert.optimizers import SGD
from wengert.training import Checkpoint, ConfusionMatrix, Trainer
from wengert.training.callbacks import GradientNorms
from wengert.visualize.plots import (
    plot_confusion,
    plot_curves,
    plot_filters,
    plot_gradient_norms,
    plot_histograms,
    plot_images,
)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def grown(*layers: Any) -> Any:
    """A model with gradients."""
    model = Sequential(*layers)
    model(rng().normal(size=(4, 3))).sum().backward()
    return model


PLOTS = {
    "curves": lambda to_file: plot_curves({"loss": [1.0, 0.5], "valid_loss": [1.1, 0.7]}, to_file),
    "norms": lambda to_file: plot_gradient_norms({"a": [1.0, 2.0], "b": [0.0, float("nan")]}, to_file),
    "map of norms": lambda to_file: plot_gradient_norms({f"{i}": [1.0, 0.0, float("nan")] for i in range(9)}, to_file),
    "histograms": lambda to_file: plot_histograms(grown(Linear(4), Linear(2)), to_file),
    "gradients": lambda to_file: plot_histograms(grown(Linear(4), Linear(2)), to_file, gradients=True),
    "filters": lambda to_file: plot_filters(rng().normal(size=(5, 1, 3, 3)), to_file),
    "filters by channel": lambda to_file: plot_filters(rng().normal(size=(5, 4, 3, 3)), to_file),
    "filters in colour": lambda to_file: plot_filters(rng().normal(size=(5, 3, 3, 3)), to_file),
    "confusion": lambda to_file: plot_confusion(np.array([[5, 0], [0, 0]]), to_file),
    "images": lambda to_file: plot_images(rng().random((3, 1, 4, 6)), to_file, titles=[1, 2, 3]),
}


@pytest.mark.parametrize("name", PLOTS)
class TestEach:
    def test_writes_a_picture_and_returns_its_path(self, name, tmp_path):
        path = PLOTS[name](tmp_path / "plot.png")
        assert path == tmp_path / "plot.png" and [each.name for each in tmp_path.iterdir()] == ["plot.png"]
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", content[16:24])
        assert 100 < width < 3000 and 100 < height < 3000

    def test_is_a_figure_for_notebooks(self, name):
        figure = PLOTS[name](None)
        assert figure.axes and figure._repr_png_().startswith(b"\x89PNG")


def test_no_state_of_pyplot(tmp_path):
    code = (
        "import sys; from wengert.visualize.plots import plot_curves; plot_curves({'a': [1.0]}, sys.argv[1]);"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.png")], check=True)


def test_without_matplotlib(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(wengert.errors.WengertError, match="pip install matplotlib"):
        plot_curves({"a": [1.0]}, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


class TestCurves:
    def test_training_and_validation_share_a_panel(self):
        figure = plot_curves({"valid_loss": [3.0, 4.0], "loss": [1.0, 2.0], "valid_other": [5.0]})
        loss, other = figure.axes
        assert loss.get_title() == "loss" and other.get_title() == "valid_other"
        assert {line.get_label(): list(line.get_ydata()) for line in loss.lines} == {
            "training": [1.0, 2.0],
            "validation": [3.0, 4.0],
        }
        assert loss.get_yscale() == "linear"

    def test_log(self):
        assert plot_curves({"loss": [1.0, 0.1]}, log=True).axes[0].get_yscale() == "log"

    def test_none(self):
        with pytest.raises(InputError):
            plot_curves({})


class TestOthers:
    def test_gradient_norms(self):
        (axes,) = plot_gradient_norms({"a": [1.0, 2.0], "b": [3.0, 4.0]}, steps=[10, 20]).axes
        assert [list(line.get_xdata()) for line in axes.lines] == [[10, 20]] * 2
        norms = {f"layer {i}": [10.0**i, 1.0] for i in range(9)}
        axes = plot_gradient_norms(norms).axes[0]
        assert [label.get_text() for label in axes.get_yticklabels()] == list(norms)
        np.testing.assert_allclose(axes.images[0].get_array()[:, 0], range(9))

    @pytest.mark.parametrize("norms", [{}, {"a": []}, {"a": [1.0], "b": [1.0, 2.0]}])
    def test_norms_refused(self, norms):
        with pytest.raises(InputError):
            plot_gradient_norms(norms)

    def test_histograms_show_every_entry_that_is_finite(self):
        model = grown(Linear(4), Linear(2))
        model.layers[0].weight.data[0, 0] = np.nan
        figure = plot_histograms(model)
        assert len(figure.axes) == 4
        first = figure.axes[0]
        assert sum(bar.get_height() for bar in first.patches) == 3 * 4 - 1
        assert first.texts[0].get_text() == "1 not finite"
        assert not figure.axes[1].texts

    def test_histograms_refused(self):
        with pytest.raises(InputError, match="call the model once"):
            plot_histograms(Linear(3))
        with pytest.raises(InputError, match="backward"):
            plot_histograms(Linear(3, in_size=2), gradients=True)

    def test_filters(self):
        layer = Conv2d(6, 3, in_channels=2)
        figure = plot_filters(layer, limit=10)
        pictures = [axes.images[0] for axes in figure.axes if axes.images]
        np.testing.assert_array_equal(pictures[3].get_array(), layer.weight.data[1, 1])
        assert figure.axes[3].get_title() == "1, 1"
        assert "first 10 of 12" in figure.get_suptitle()
        scale = np.abs(layer.weight.data[:5]).max()
        np.testing.assert_allclose(pictures[0].get_clim(), (-scale, scale))

    @pytest.mark.parametrize("weight", [np.ones((3, 3)), Conv2d(6, 3), np.ones((0, 1, 2, 2))])
    def test_filters_refused(self, weight):
        with pytest.raises((ShapeError, UnsizedError), match="Fix"):
            plot_filters(weight)

    def test_confusion(self):
        metric = ConfusionMatrix(2)
        metric.update(np.array([0, 1, 1, 1]), np.array([0, 0, 0, 1]))
        figure = plot_confusion(metric.result(), classes=["cat", "dog"])
        axes = figure.axes[0]
        assert [text.get_text() for text in axes.texts] == ["1\n33%", "2\n67%", "0", "1\n100%"]
        assert axes.get_xlabel() == "taken for" and axes.get_ylabel() == "was"
        few = plot_confusion(np.array([[1, 9999], [0, 1]])).axes[0].texts[0]
        assert few.get_text() == "1\n<1%"

    @pytest.mark.parametrize(("matrix", "classes"), [(np.ones((2, 3)), None), (np.ones((2, 2)), ["a"])])
    def test_confusion_refused(self, matrix, classes):
        with pytest.raises(ShapeError):
            plot_confusion(matrix, classes=classes)

    def test_images_keep_their_shades(self):
        images = np.array([[[0, 255], [51, 102]]], np.uint8)
        picture = plot_images(images).axes[0].images[0].get_array()
        np.testing.assert_allclose(picture, [[0, 1], [0.2, 0.4]])
        np.testing.assert_allclose(plot_images(images / 510).axes[0].images[0].get_array(), [[0, 0.5], [0.1, 0.2]])
        stretched = plot_images(Variable(np.array([[[-1.0, 3.0], [0.0, 1.0]]]))).axes[0].images[0].get_array()
        np.testing.assert_allclose(stretched, [[0, 1], [0.25, 0.5]])
        colour = rng().random((2, 3, 4, 5))
        shown = plot_images(colour, columns=1).axes[1].images[0].get_array()
        np.testing.assert_allclose(shown, np.moveaxis(colour[1], 0, -1))

    @pytest.mark.parametrize("shape", [(4, 4), (2, 2, 4, 4), (0, 4, 4)])
    def test_images_refused(self, shape):
        with pytest.raises(ShapeError):
            plot_images(np.ones(shape))
        with pytest.raises(ShapeError):
            plot_images(np.ones((2, 4, 4)), titles=["one"])
        with pytest.raises(InputError):
            plot_images(np.ones((2, 4, 4)), columns=0)


class TestGradientNorms:
    def test_in_a_loop_of_ones_own(self):
        model, norms = MLP((5, 3)), GradientNorms()
        x, t = rng().normal(size=(6, 4)), np.arange(6) % 3
        for _ in range(2):
            model.cleargrads()
            F.softmax_cross_entropy(model(x), t).backward()
            norms.record(model)
        assert norms.steps == [1, 2] and list(norms.norms) == ["layers.0", "layers.1"]
        layer = model.layers[1]
        both = np.concatenate([layer.weight.grad.data.ravel(), layer.bias.grad.data])
        assert norms.norms["layers.1"][1] == pytest.approx(np.linalg.norm(both))
        plot_gradient_norms(norms.norms, steps=norms.steps)

    def test_without_gradients_and_layers_that_come_later(self):
        model, norms = Sequential(Linear(2, in_size=2), BatchNorm1d(2)), GradientNorms()
        norms.record(model)
        model(rng().normal(size=(3, 2))).sum().backward()
        model.layers[0].weight.grad = Variable(np.full((2, 2), np.nan))
        model.later = Linear(2, in_size=2)
        norms.record(model)
        assert np.isnan(norms.norms["layers.0"]).all()  # a gradient that is nan is not passed over
        assert np.isnan(norms.norms["layers.1"]).tolist() == [True, False]
        assert np.isnan(norms.norms["later"]).all() and len(norms.norms["later"]) == 2

    def test_refused(self):
        with pytest.raises(InputError):
            GradientNorms(0)

    def test_in_a_trainer_and_resumed(self, tmp_path):
        data = Arrays(rng().normal(size=(20, 4)).astype(np.float32), np.arange(20) % 3)

        def trainer(epochs: int, *callbacks: Any) -> tuple[GradientNorms, Trainer]:
            wengert.seed(5)
            norms = GradientNorms(every=2)
            loader = DataLoader(data, 5)
            parts = MLP((5, 3)), SGD(0.1), F.softmax_cross_entropy, loader
            return norms, Trainer(*parts, epochs=epochs, callbacks=[norms, *callbacks])

        whole, run = trainer(3)
        run.fit()
        assert whole.steps == [2, 4, 6, 8, 10, 12]
        _, run = trainer(1, Checkpoint(tmp_path))
        run.fit()
        resumed, run = trainer(3, Checkpoint(tmp_path))
        run.fit(resume=tmp_path)
        assert (resumed.steps, resumed.norms) == (whole.steps, whole.norms)

    def test_damage(self):
        norms = GradientNorms()
        assert norms.differences({"steps": [1], "norms": {"a": [1.0]}}) == []
        for state in (None, {"steps": [1]}, {"steps": ["1"], "norms": {}}, {"steps": [1], "norms": {"a": []}}):
            assert norms.differences(state)


def test_the_curves_of_a_run_show_both(tmp_path):
    from wengert.training import Curves

    data = Arrays(rng().normal(size=(20, 4)).astype(np.float32), np.arange(20) % 3)
    loader = DataLoader(data, 5)
    path: Path = tmp_path / "curves.png"
    run = Trainer(MLP((5, 3)), SGD(0.1), F.softmax_cross_entropy, loader, valid_loader=loader, callbacks=[Curves(path)])
    run.fit()
    width = struct.unpack(">I", path.read_bytes()[16:20])[0]
    assert width == 540  # one panel
