"""What a trace writes down: events in order, with the numbers, the lines, the layers and the memory."""

import base64
import gc
import gzip
import json
import re
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import Function, Variable
from wengert import functions as F
from wengert.errors import InputError
from wengert.layers import Conv2d, Linear, Sequential
from wengert.optimizers import SGD
from wengert.visualize.digest import digest


def v(data: Any, name: str | None = None) -> Variable:
    return Variable(np.array(data), name=name)


def read(path: Path) -> dict[str, Any]:
    """The trace inside a page."""
    found = re.search(r'id="wengert-trace">(.*?)</script>', path.read_text())
    assert found
    return json.loads(gzip.decompress(base64.b64decode(found[1])))


def story(t: Any) -> list[tuple[Any, ...]]:
    """The events with names and numbers for what they point to, and without times and bytes."""
    d = t.to_json()
    value = [each["name"] for each in d["values"]]
    name = [d["rules"][each["rule"]]["name"] for each in d["operations"]]
    number = d["summaries"]
    told = []
    for kind, *facts in d["events"]:
        match kind:
            case "forward" | "freed":
                told.append((kind, name[facts[0]]))
            case "seed" | "changed":
                told.append((kind, value[facts[0]], number[facts[1]]))
            case "backward":
                told.append((kind, name[facts[0]], *[number[i] for i in facts[1]]))
            case "contribution":
                told.append((kind, name[facts[0]], facts[1], value[facts[2]], number[facts[3]], number[facts[4]]))
            case "grad":
                told.append((kind, value[facts[0]], None if facts[1] < 0 else number[facts[1]], number[facts[2]]))
            case "dropped":
                told.append((kind, value[facts[0]]))
            case _:
                told.append((kind, facts[0]))
    return told


def test_every_contribution_in_order():
    x0, x1 = v(2.0), v(3.0)
    with wengert.trace() as t:
        s = x0 + x1
        y = s * x1
        y.backward()
    assert story(t) == [
        ("forward", "add"),
        ("forward", "multiply"),
        ("start", 0),
        ("seed", "y", 1.0),
        ("backward", "multiply", 1.0),
        ("contribution", "multiply", 0, "s", 3.0, 3.0),
        ("contribution", "multiply", 1, "x1", 5.0, 5.0),
        ("freed", "multiply"),
        ("backward", "add", 3.0),
        ("contribution", "add", 0, "x0", 3.0, 3.0),
        ("contribution", "add", 1, "x1", 3.0, 8.0),
        ("freed", "add"),
        ("end", 0),
        ("grad", "x1", None, 8.0),
        ("grad", "x0", None, 3.0),
    ]
    d = t.to_json()
    assert [line["text"] for line in d["lines"]] == ["s = x0 + x1", "y = s * x1", "y.backward()"]
    assert [each["text"] for each in d["rules"][1]["formulas"]] == ["g * y", "g * x"]
    assert [each["role"] for each in d["values"]] == ["leaf", "leaf", "result", "result"]
    assert d["operations"][1]["kept"] == ["y", "x"] and d["operations"][1]["kept_bytes"] == 16
    assert all(each["forward_ns"] > 0 and each["backward_ns"] > 0 for each in d["operations"])


def test_gradients_of_two_passes_add_up():
    x = v(3.0)
    with wengert.trace() as t:
        for _ in range(2):
            (x * x).backward()
    assert [event for event in story(t) if event[0] == "grad"] == [("grad", "x", None, 6.0), ("grad", "x", 6.0, 12.0)]


def test_second_order_goes_on_along_the_same_axis():
    x = v(0.5)
    with wengert.trace() as t:
        y = F.tanh(x)
        y.backward(create_graph=True)
        slope = x.grad
        x.grad = None
        slope.backward()
    d = t.to_json()
    assert [each["create_graph"] for each in d["passes"]] == [True, False]
    later = [each for each in d["operations"] if each["in_pass"] == 0]
    assert later and all(each["of"] == 0 and d["rules"][each["rule"]]["name"] != "tanh" for each in later)
    tanh = np.tanh(0.5)
    assert story(t)[-1] == ("grad", "x", None, pytest.approx(-2 * tanh * (1 - tanh**2)))
    assert [kind for kind, *_ in d["events"]].count("end") == 2


def test_layers_are_boxes_and_parameters_have_paths():
    model = Sequential(Sequential(Linear(4), F.relu), Linear(2))
    with wengert.trace() as t:
        model(np.ones((3, 5)))
    d = t.to_json()
    assert [(each["path"], each["kind"], each["parent"]) for each in d["layers"]] == [
        ("Sequential", "Sequential", -1),
        ("layers.0", "Sequential", 0),
        ("layers.0.layers.0", "Linear", 1),
        ("layers.1", "Linear", 0),
    ]
    assert [each["layer"] for each in d["operations"]] == [2, 1, 3]
    names = [each["name"] for each in d["values"] if each["role"] == "parameter"]
    assert names == ["layers.0.layers.0.weight", "layers.0.layers.0.bias", "layers.1.weight", "layers.1.bias"]


def test_a_parameter_that_was_updated():
    model = Linear(1, in_size=1, bias=False)
    model.weight.data[...] = 2.0
    optimizer = SGD(lr=0.25).setup(model)
    with wengert.trace() as t:
        for _ in range(2):
            loss = F.sum(model(np.array([[1.0]])))
            model.cleargrads()
            loss.backward()
            optimizer.update()
    assert [event for event in story(t) if event[0] == "changed"] == [
        ("changed", "weight", {"shape": [1, 1], "data": [1.75]})
    ]


def test_what_runs_off_the_tape_is_there_and_marked():
    x = v([1.0, 2.0])
    with wengert.trace() as t:
        with wengert.no_grad():
            c = x * 2.0
        y = (x * c).sum()
        y.backward()
    d = t.to_json()
    assert [each["recorded"] for each in d["operations"]] == [False, True, True]
    assert d["operations"][1]["inputs"][1] == d["operations"][0]["outputs"][0]  # the very value


def test_several_results_classes_and_checkpoints():
    class Twice(Function):
        def forward(self, x):
            return 2 * x

        def backward(self, gy):
            return 2 * gy

    x = v([[2.0, 1.0], [1.0, 3.0]])
    with wengert.trace() as t:
        values, vectors = F.eigh(x)
        y = F.sum(Twice()(values) * vectors[0])
        z = wengert.checkpoint(lambda x: F.exp(x))(y)
        z.backward()
    d = t.to_json()
    names = [each["name"] for each in d["rules"]]
    assert {"eigh", "Twice", "multiply", "sum", "checkpoint", "exp"} <= set(names)
    twice = d["rules"][names.index("Twice")]
    assert twice["forward"] == "2 * x" and twice["formulas"] == [{"inputs": [0], "text": "2 * gy"}]
    eigh = next(i for i, each in enumerate(d["operations"]) if d["rules"][each["rule"]]["name"] == "eigh")
    (arrived,) = [event for event in d["events"] if event[0] == "backward" and event[1] == eigh]
    e = np.exp(y.data)
    np.testing.assert_allclose(d["summaries"][arrived[2][0]]["data"], 2 * e * vectors.data[0])
    np.testing.assert_allclose(d["summaries"][arrived[2][1]]["data"][:2], 2 * e * values.data)
    (grad,) = [event for event in d["events"] if event[0] == "grad"]
    np.testing.assert_array_equal(x.grad.data.ravel(), d["summaries"][grad[3]]["data"])


def test_live_bytes_are_true_and_nothing_is_kept_alive():
    x = v(np.zeros(1000))
    gc.collect()
    with wengert.trace() as t:
        y = F.exp(x)
        alive = weakref.ref(y.data)
        z = F.sin(y)
        del y
        assert alive() is not None  # exp and sin keep it
        loss = F.sum(z)
        loss.backward()
        del z
        assert alive() is None
        x.grad = None
    live = {(event[0], event[1]): event[-1] for event in t.events if event[0] in ("forward", "start", "end")}
    assert live["forward", 0] == 16_000 and live["forward", 1] == 24_000 and live["forward", 2] == 24_008
    assert ("dropped" in [event[0] for event in t.events]) and t.events[-1][0] == "dropped"
    assert t._memory.live == 8008 and not t._watched  # x and the loss


def test_where_a_nan_was_born():
    z = v([0.25, -0.5, 1.0])
    with wengert.trace() as t, np.errstate(all="ignore"):
        w = F.log(z) * 2.0
        F.sum(w).backward()
    d = t.to_json()
    born = d["anomaly"]
    assert born["kind"] == "NaN" and born["index"] == [1] and d["events"][born["event"]][:2] == ("forward", 0)
    assert born["inputs"] == [{"name": "x", "value": 0, "text": "-0.5"}]


def test_where_an_infinity_was_born_on_the_way_back():
    z = v([4.0, 0.0])
    with wengert.trace() as t, np.errstate(all="ignore"):
        F.sum(F.sqrt(z)).backward()
    d = t.to_json()
    born = d["anomaly"]
    assert (born["kind"], born["index"], born["value"]) == ("Inf", [1], -1)
    assert d["events"][born["event"]][0] == "contribution"


def test_infinities_that_were_there_are_no_birth():
    mask = np.array([0.0, -np.inf])
    with wengert.trace() as t:
        F.sum(F.exp(v([1.0, 2.0]) + mask)).backward()
    assert t.anomaly is None


def test_the_page_is_one_file_with_the_trace_in_it(tmp_path):
    x = v(2.0, "x")
    with wengert.trace("<script>alert(1)</script>") as t:
        y = x * x
    path = t.save(tmp_path / "trace.html")
    text = path.read_text()
    assert read(path) == json.loads(json.dumps(t.to_json()))
    assert "<script>alert(1)" not in text and "&lt;script&gt;alert(1)" in text
    assert y.data == 4.0 and [each.name for each in tmp_path.iterdir()] == ["trace.html"]
    with pytest.raises(OSError):
        t.save(tmp_path / "missing" / "trace.html")


def test_any_name_in_the_program_is_harmless():
    kinds, descriptor, wrong = Variable, Variable.node, type("Odd", (), {"node": 3, "shape": (1,)})()
    with wengert.trace() as t:
        y = v(2.0) * 3.0
    assert t.values[-1]["name"] == "y" and kinds and descriptor and wrong and y


def test_whole_and_limit():
    x = v(np.arange(6.0))
    with wengert.trace(whole=5, limit=3) as t:
        for _ in range(10):
            x = x + 1.0
    assert len(t.operations) == 3 and "3 operations" in t.to_json()["note"]
    assert "stats" in t.summaries[0]
    for bad in ({"whole": 0}, {"limit": 0}):
        with pytest.raises(InputError, match="from 1 on"), wengert.trace(**bad):
            pass


def test_a_failing_program_leaves_a_trace():
    x = v(np.ones((2, 3)))
    with pytest.raises(wengert.errors.ShapeError), wengert.trace() as t:
        y = x * 2.0
        y @ y
    assert len(t.operations) == 1


def test_a_step_of_a_network_is_small(tmp_path):
    model = Sequential(Conv2d(8, 3), F.relu, Conv2d(8, 3), F.relu, wengert.layers.Flatten(), Linear(10))
    with wengert.trace() as t:
        loss = F.softmax_cross_entropy(model(np.random.default_rng(0).normal(size=(16, 1, 28, 28))), np.arange(16) % 10)
        loss.backward()
    assert t.save(tmp_path / "t.html").stat().st_size < 1_000_000
    assert not any(isinstance(value, float) and value != value for value in t.summaries)


def test_under_a_compiler_the_graph_is_there_without_numbers():
    jax = pytest.importorskip("jax", reason="JAX is an optional extra")

    def f(x):
        x = Variable(x)
        F.sum(F.tanh(x)).backward()
        return x.grad.data

    with wengert.trace() as t:
        answer = jax.jit(f)(jax.numpy.ones(3))
    np.testing.assert_allclose(answer, 1 - np.tanh(1) ** 2, rtol=1e-6)
    assert len(t.operations) == 2 and "compiled" in t.summaries[0]["note"]


PROGRAM = """
import sys
import numpy as np
import wengert
x = wengert.Variable(np.array(float(sys.argv[1])))
y = wengert.functions.log(x)
y.backward()
"""


def command(*words: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wengert.cli", "trace", *map(str, words)], capture_output=True, text=True, timeout=60
    )


def test_from_the_command_line(tmp_path):
    (tmp_path / "p.py").write_text(PROGRAM)
    run = command(tmp_path / "p.py", "-o", tmp_path / "t.html", "--", "2.0")
    assert run.returncode == 0, run.stderr
    assert "1 operation, 1 backward pass" in run.stdout
    d = read(tmp_path / "t.html")
    assert d["title"] == "p.py" and [each["name"] for each in d["values"]] == ["x", "y"]


def test_from_the_command_line_a_program_that_fails(tmp_path):
    (tmp_path / "p.py").write_text(PROGRAM + "raise SystemExit('over')\n")
    run = command(tmp_path / "p.py", "-o", tmp_path / "t.html", "--", "2.0")
    assert run.returncode == 1 and "over" in run.stderr and len(read(tmp_path / "t.html")["operations"]) == 1
    (tmp_path / "p.py").write_text(PROGRAM + "1 / 0\n")
    run = command(tmp_path / "p.py", "-o", tmp_path / "t.html", "--", "2.0")
    assert run.returncode == 1 and "ZeroDivisionError" in run.stderr and read(tmp_path / "t.html")["events"]
    run = command(tmp_path / "none.py", "-o", tmp_path / "u.html")
    assert run.returncode == 1 and "there is no file" in run.stderr and not (tmp_path / "u.html").exists()
    run = command(tmp_path / "p.py", "-o", tmp_path / "no" / "u.html", "--", "2.0")
    assert run.returncode == 1 and "Traceback" not in run.stderr.split("ZeroDivisionError")[-1]


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 3)),
        np.arange(1000),
        np.ones((3, 5, 40, 40), np.float32),
        np.full((200, 300), np.nan),
        np.array([True] * 100),
        np.ones(100, complex),
        np.float16(np.random.default_rng(0).normal(size=(7, 1, 3, 50))),
        np.array([[1e308, -1e308] * 50]),
        np.asfortranarray(np.random.default_rng(0).normal(size=(70, 1000))),
        np.array([np.inf] * 100),
    ],
    ids=lambda a: f"{a.dtype}{a.shape}",
)
def test_any_array_has_a_summary(array):
    text = json.dumps(digest(array), allow_nan=False)
    assert len(text) < 20_000


def test_statistics_are_right():
    rng = np.random.default_rng(0)
    x = rng.normal(1000.0, 0.01, size=(50, 60)).astype(np.float32)
    x[3, 4] = np.nan
    x[5, 6] = np.inf
    d = digest(x)
    finite = x[np.isfinite(x)].astype(np.float64)
    stats = d["stats"]
    assert stats["std"] == pytest.approx(finite.std(), rel=1e-3) and stats["mean"] == pytest.approx(finite.mean())
    assert (stats["nans"], stats["infs"], d["bad"]) == (1, 1, [3, 4])
    assert sum(d["histogram"]["counts"]) > 1000
    shades = np.frombuffer(base64.b64decode(d["image"]["data"]), np.uint8)
    assert shades.size == d["image"]["rows"] * d["image"]["columns"] and (shades == 255).sum() == 2


def test_an_input_that_is_not_there_is_not_shown():
    with wengert.trace() as t:
        Linear(2, in_size=3, bias=False)(np.ones((1, 3)))
    assert [len(each["inputs"]) for each in t.operations] == [2]
