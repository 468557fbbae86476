"""Pictures of graphs, drawn without Graphviz, and what values show of themselves in a notebook and in a terminal."""

import gc
import random
import re
import time
import xml.etree.ElementTree as ET
from itertools import combinations, pairwise
from math import sqrt
from weakref import ref

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wengert import Function, Layer, Parameter, Variable, no_grad
from wengert import functions as F
from wengert.errors import GraphError, InputError, WengertError
from wengert.layers import Linear
from wengert.models import MLP, Model
from wengert.models.resnet import BasicBlock
from wengert.visualize import graph, plot_dot_graph
from wengert.visualize.layout import arrange
from wengert.visualize.svg import _COLOURS, nodes_behind, svg_of

SVG = "{http://www.w3.org/2000/svg}"


def v(x, name=None):
    return Variable(np.array(x, dtype=float), name=name)


HELD = []  # the leaves of the graphs below, which a graph itself holds weakly


def book():
    x0, x1 = v(1.0, "x0"), v(2.0, "x1")
    HELD[:] = x0, x1
    y = (x0 + x1) * x1
    y.name = "y"
    return y


def mlp_loss():
    model = MLP((16, 16, 3))
    loss = F.softmax_cross_entropy(model(np.ones((5, 4), np.float32)), np.zeros(5, int))
    HELD[:] = model.parameters()
    loss.name = "loss"
    return loss


def third_derivative_of_tanh():
    x = v(0.5, "x")
    HELD[:] = [x]
    g = np.tanh(x)
    for _ in range(3):
        x.cleargrad()
        g.backward(create_graph=True)
        g = x.grad
    return g


def chain(length):
    y = v(1.0, "x")
    for _ in range(length):
        y = np.sin(y)
    return y


# The layout


@st.composite
def graphs(draw):
    """Nodes with their sizes, and edges from lower numbers to higher ones or the other way round."""
    count = draw(st.integers(1, 25))
    sizes = [(draw(st.integers(10, 200)), draw(st.integers(10, 40))) for _ in range(count)]
    ends = st.integers(0, count - 1)
    pairs = draw(st.lists(st.tuples(ends, ends), max_size=40))
    order = draw(st.permutations(range(count)))
    return sizes, [(order[min(pair)], order[max(pair)]) for pair in pairs if pair[0] != pair[1]]


class TestLayout:
    @settings(deadline=None, max_examples=150)
    @given(graphs())
    def test_nodes_and_lines_keep_clear_of_each_other(self, drawn):
        sizes, edges = drawn
        arranged = arrange(sizes, edges)
        boxes = [
            (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
            for (x, y), (w, h) in zip(arranged.centres, sizes, strict=True)
        ]
        for left, top, right, bottom in boxes:
            assert left >= -1e-6 and right <= arranged.width + 1e-6
            assert top >= -1e-6 and bottom <= arranged.height + 1e-6
        for a, b in combinations(boxes, 2):
            assert a[2] <= b[0] - 9 or b[2] <= a[0] - 9 or a[3] <= b[1] - 9 or b[3] <= a[1] - 9
        for (start, end), route in zip(edges, arranged.routes, strict=True):
            assert (route[0].x, route[0].bottom) == (arranged.centres[start][0], boxes[start][3])
            assert (route[-1].x, route[-1].top) == (arranged.centres[end][0], boxes[end][1])
            assert all(one.bottom < two.top for one, two in pairwise(route))  # always down
            for point in route[1:-1]:
                for left, top, right, bottom in boxes:
                    assert bottom <= point.top or top >= point.bottom or not left - 5 < point.x < right + 5

    @settings(deadline=None, max_examples=30)
    @given(graphs())
    def test_the_same_graph_gives_the_same_picture(self, drawn):
        assert arrange(*drawn) == arrange(*drawn)

    def test_a_chain_is_straight(self):
        widths = np.random.default_rng(0).uniform(10, 90, 40)
        arranged = arrange([(w, 20) for w in widths], list(pairwise(range(40))))
        assert len({round(x, 6) for x, _ in arranged.centres}) == 1

    def test_the_spine_of_a_network_is_straight_and_parameters_stand_beside_it(self):
        nodes = nodes_behind(mlp_loss())
        edges = [(above, number) for number, node in enumerate(nodes) for above in node.inputs]
        arranged = arrange([(80, 30)] * len(nodes), edges)
        spine = {round(x, 6) for (x, _), node in zip(arranged.centres, nodes, strict=True) if node.role == "operation"}
        assert len(spine) == 1
        heights = sorted({y for _, y in arranged.centres})
        parameters = [edge for edge in edges if nodes[edge[0]].role == "parameter"]
        assert len(parameters) == 6
        for above, below in parameters:
            assert heights.index(arranged.centres[below][1]) - heights.index(arranged.centres[above][1]) == 1

    def test_parameters_stand_as_near_as_there_is_room(self):
        model = BasicBlock(2, 3, stride=2)
        x = Variable(np.ones((2, 2, 6, 6), np.float32))
        nodes = nodes_behind(model(x))
        edges = [(above, number) for number, node in enumerate(nodes) for above in node.inputs]
        arranged = arrange([(80, 30)] * len(nodes), edges)
        for number, end in edges:
            x, y = arranged.centres[number]
            if nodes[number].role == "parameter" and x > arranged.centres[end][0]:
                others = [other for other, height in arranged.centres if height == y and other < x]
                lines = [p.x for r in arranged.routes for p in r[1:-1] if p.top <= y <= p.bottom and p.x < x]
                assert x - max([*(other + 80 + 18 for other in others), *(line + 40 + 10 for line in lines)]) < 1e-6

    def test_what_is_used_late_stands_low(self):
        weight = v(np.ones((2, 2)), "weight")
        y = x = v(np.ones((2, 2)), "x")
        for _ in range(6):
            y = np.sin(y)
        nodes = nodes_behind(y @ weight.T + x)
        edges = [(above, number) for number, node in enumerate(nodes) for above in node.inputs]
        heights = {node.name: y for (_, y), node in zip(arrange([(9, 9)] * len(nodes), edges).centres, nodes, strict=True)}
        assert heights["x"] < heights["sin"] < heights["permute_dims"] < heights["matmul"] < heights["add"]

    def test_long_lines_are_straight(self):
        generator = random.Random(0)
        long = 0
        for _ in range(1000):
            count = generator.randint(5, 9)
            pairs = [sorted(generator.sample(range(count), 2)) for _ in range(generator.randint(count, count + 3))]
            for route in arrange([(30, 20)] * count, [(a, b) for a, b in pairs]).routes:
                long += len(route) > 3
                assert len({round(point.x, 6) for point in route[1:-1]}) <= 1
        assert long > 200

    def test_a_tree_has_no_crossings(self):
        rng = np.random.default_rng(1)
        edges = [(child, int(rng.integers(child))) for child in range(1, 60)]
        arranged = arrange([(30, 20)] * 60, edges)
        lines = [line for route in arranged.routes for line in pairwise(route)]
        for (a, b), (c, d) in combinations(lines, 2):
            if a.bottom == c.bottom and b.top == d.top:
                assert (a.x - c.x) * (b.x - d.x) >= 0

    def test_a_crossing_that_can_be_undone_is(self):
        arranged = arrange([(30, 20)] * 4, [(0, 3), (1, 2)])
        (a, _), (b, _), (c, _), (d, _) = arranged.centres
        assert (a - b) * (d - c) > 0

    @pytest.mark.parametrize("edges", [[], [(0, 1), (0, 1), (0, 1)], [(1, 0)]])
    def test_few_nodes(self, edges):
        assert len(arrange([(10, 10), (10, 10)], edges).routes) == len(edges)

    def test_a_thousand_nodes_take_no_longer_than_two_seconds(self):
        rng = np.random.default_rng(2)
        edges = [(int(rng.integers(max(0, end - 40), end)), end) for end in range(1, 1000) for _ in range(2)]
        start = time.process_time()
        arrange([(60, 26)] * 1000, edges)
        assert time.process_time() - start < 2

    def test_no_depth_is_too_deep(self):
        assert svg_of(nodes_behind(chain(990))).count(">sin</text>") == 990


# SVG


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


class TestSvg:
    @pytest.mark.parametrize("make", [book, mlp_loss, third_derivative_of_tanh])
    @pytest.mark.parametrize("verbose", [True, False])
    def test_a_picture_holds_every_node_once_and_inside(self, make, verbose):
        y = make()
        nodes = nodes_behind(y)
        picture = ET.fromstring(svg_of(nodes, verbose))
        left, top, width, height = map(float, picture.get("viewBox").split())
        groups = picture.findall(f"{SVG}g")
        assert len(groups) == len(nodes)
        lines = re.findall(r"M(\S+) (\S+)V([-\d.]+)", picture.find(f"{SVG}path").get("d"))
        assert lines
        for node, group in zip(nodes, groups, strict=True):
            assert group.find(f"{SVG}title").text.split()[0] == node.role
            shape = group.find(f"{SVG}rect" if node.role == "operation" else f"{SVG}ellipse")
            if node.role == "operation":
                x, y, w, h = (float(shape.get(key)) for key in ("x", "y", "width", "height"))
            else:
                cx, cy, rx, ry = (float(shape.get(key)) for key in ("cx", "cy", "rx", "ry"))
                x, y, w, h = cx - rx, cy - ry, 2 * rx, 2 * ry
            assert left <= x and x + w <= left + width and top <= y and y + h <= top + height
            for place, start, end in [map(float, line) for line in lines]:
                assert not x < place < x + w or start >= y + h - 0.2 or end <= y

    @pytest.mark.parametrize("name", ["x", "a rather long name of a value", "重み" * 10, "i" * 200, ""])
    def test_text_fits_its_shape(self, name):
        """Of a font whose letters are 0.6 of their size wide, and twice that in Chinese, Japanese and Korean."""
        x = Variable(np.ones((2, 3, 4, 5)), name=name)
        picture = ET.fromstring(svg_of(nodes_behind(F.sum(x))))
        for group in picture.findall(f"{SVG}g"):
            box, ellipse = group.find(f"{SVG}rect"), group.find(f"{SVG}ellipse")
            for text in group.findall(f"{SVG}text"):
                size = float(text.get("font-size"))
                half = 0.6 * size * sum(2 if ord(letter) > 0x2E80 else 1 for letter in text.text) / 2
                if box is not None:
                    assert 2 * half < float(box.get("width"))
                    continue
                rx, ry, cy = (float(ellipse.get(key)) for key in ("rx", "ry", "cy"))
                baseline = float(text.get("y"))
                for y in (baseline, baseline - 0.7 * size):
                    assert half <= rx * sqrt(1 - ((y - cy) / ry) ** 2)

    def test_letters_and_borders_stand_out(self):
        for area, border, _, letters in _COLOURS.values():
            assert contrast(letters, area) >= 4.5
            assert contrast(border, "#fdfdfe") >= 3

    def test_roles(self):
        x, weight = v([[1.0, 2.0]], "x"), Parameter(np.ones((2, 3)), name="W")
        nodes = nodes_behind(F.linear(x, weight, v([0.0] * 3)) * 2.0)
        said = [(node.role, node.name, node.facts) for node in nodes]
        assert said == [
            ("output", "", "(1, 3) float64"),
            ("operation", "multiply", ""),
            ("result", "", "(1, 3) float64"),
            ("operation", "linear", ""),
            ("leaf", "x", "(1, 2) float64"),
            ("parameter", "W", "(2, 3) float64"),
            ("leaf", "", "(3,) float64"),
            ("constant", "2.0", ""),
        ]
        picture = svg_of(nodes)
        assert picture.count("<ellipse") == 6 and picture.count("stroke-dasharray") == 1

    @pytest.mark.parametrize(
        ("make", "constant"),
        [
            (lambda x: x * np.array(2.5), ("2.5", "")),
            (lambda x: x * np.ones((4, 3), np.float32), ("", "(4, 3) float32")),
            (lambda x: x + 1, ("constant", "")),  # no derivative needs it, so nobody knows it any more
            (lambda x: F.concat([np.zeros(2), x]), ("constant", "")),
            (lambda x: x * True, ("True", "")),
            (lambda x: Variable(jnp.ones(3)) * jnp.asarray(2.0), ("", "() float32")),
        ],
    )
    def test_constants(self, make, constant):
        nodes = nodes_behind(make(v([1.0, 2.0, 3.0])))
        assert [(node.name, node.facts) for node in nodes if node.role == "constant"] == [constant]

    def test_what_was_left_out_is_no_constant(self):
        x, weight = v(np.ones((2, 3))), v(np.ones((3, 4)))
        assert [node.role for node in nodes_behind(F.linear(x, weight))].count("constant") == 0

    def test_a_value_used_twice_by_an_operation_has_two_arrows(self):
        x = v(3.0)
        assert svg_of(nodes_behind(x * x)).count("l-3.5 -7h7z") == 3
        assert svg_of(nodes_behind(np.sin(x))).count("l-3.5 -7h7z") == 2

    def test_several_results(self):
        class Both(Function):
            def forward(self, x, c):
                return x + c, x - c

            def backward(self, g0, g1):
                return g0 + g1, None

        first, second = Both()(v([1.0, 2.0], "x"), np.ones(2))
        nodes = nodes_behind(first * second)
        assert [node.role for node in nodes].count("operation") == 2
        assert [node.facts for node in nodes if node.role == "constant"] == ["(2,) float64"]
        only = nodes_behind(second)
        assert [node.role for node in only] == ["output", "operation", "leaf", "constant"]

    def test_values_that_nobody_holds(self):
        y = np.sin(v(np.ones(3, np.float64), "gone") + v(np.ones(3), "gone"))
        roles = {(node.role, node.name, node.facts) for node in nodes_behind(y)}
        assert ("leaf", "", "(3,) float64") in roles and ("result", "", "(3,) float64") in roles

    def test_a_graph_that_backward_has_freed(self):
        x, t = v([1.0, 2.0], "x"), np.ones(2)
        y = F.sum(x * t)
        y.backward()
        assert [node.name for node in nodes_behind(y) if node.role == "constant"] == ["constant"]

    @pytest.mark.parametrize("name", ["<script>alert('x')</script>", 'a "b" & c', "\x00\x1b[31m\n", "\ud800", "]]>", "é 重"])
    def test_names_cannot_break_the_picture(self, name):
        x = v(1.0, name)
        y = x * 2.0
        picture = ET.fromstring(svg_of(nodes_behind(y)).encode())
        assert len(picture.findall(f"{SVG}g")) == 4
        assert "script" not in "".join(part.tag for part in picture.iter())

    def test_nothing_recorded(self):
        with no_grad():
            y = v(1.0) * 2.0
        for value in (y, v(1.0)):
            with pytest.raises(GraphError, match="nothing was recorded"):
                graph(value)

    def test_too_large_to_be_read(self, tmp_path):
        y = chain(1000)
        for draw in (graph, lambda y: plot_dot_graph(y, to_file=tmp_path / "graph.svg")):
            with pytest.raises(InputError, match="2,000") as caught:
                draw(y)
            assert "wengert.trace" in str(caught.value) and "DOT" in str(caught.value)
        assert not list(tmp_path.iterdir())
        assert plot_dot_graph(y, to_file=tmp_path / "graph.dot").exists()


class TestFiles:
    @pytest.fixture(autouse=True)
    def _without_graphviz(self, monkeypatch, tmp_path):
        monkeypatch.setenv("PATH", str(tmp_path))

    def test_svg_needs_no_graphviz(self, tmp_path):
        y = book()
        path = plot_dot_graph(y, to_file=tmp_path / "graph.svg")
        assert path.read_text(encoding="utf-8") == svg_of(nodes_behind(y))
        bare = plot_dot_graph(y, verbose=False, to_file=tmp_path / "bare.SVG").read_text(encoding="utf-8")
        assert "float64</text>" not in bare and ">x1</text>" in bare

    @pytest.mark.parametrize("kind", ["png", "pdf"])
    def test_others_do_and_the_error_tells_what_does_not(self, tmp_path, kind):
        with pytest.raises(WengertError, match="Graphviz is not installed") as caught:
            plot_dot_graph(book(), to_file=tmp_path / f"graph.{kind}")
        assert "svg" in str(caught.value)

    def test_models(self, tmp_path):
        class Two(Model):
            def __init__(self):
                self.first, self.second = Linear(3), Linear(1)

            def forward(self, x):
                return self.second(F.relu(self.first(x)))

        path = Two().plot(np.ones((2, 4), np.float32), to_file=tmp_path / "model.svg")
        assert path.read_text(encoding="utf-8").count(">linear</text>") == 2

    def test_a_graph_saves_itself(self, tmp_path):
        shown = graph(book())
        assert shown.save(tmp_path / "graph.svg").read_text(encoding="utf-8") == shown._repr_svg_()
        with pytest.raises(InputError, match=r"\.svg"):
            shown.save(tmp_path / "graph.png")


class TestTree:
    def test_shared_values_are_told_once(self):
        x = v([1.0, 2.0], "x")
        y = np.sin(x)
        assert str(graph(y * y + x)).splitlines() == [
            "(2,) float64 = add",
            "├─ (2,) float64 = multiply",
            "│  ├─ (2,) float64 = sin  #1",
            "│  │  └─ x (2,) float64  #2",
            "│  └─ (2,) float64 = sin  → #1",
            "└─ x (2,) float64  → #2",
        ]

    def test_constants_and_values_without_a_name(self):
        assert str(graph(v(1.0) * 2.0, verbose=False)).splitlines() == ["result = multiply", "├─ leaf", "└─ 2.0"]

    def test_a_long_one_is_cut(self):
        lines = str(graph(chain(900))).splitlines()
        assert len(lines) == 401 and lines[-1] == "…"

    def test_sharing_upon_sharing_is_no_more_than_the_graph(self):
        y = v(1.0, "x")
        for _ in range(50):
            y = y * y
        assert len(str(graph(y)).splitlines()) == 101

    def test_it_keeps_nothing_alive(self):
        y = book()
        function = ref(y.creator)
        shown = graph(y)
        gc.disable()
        try:
            del y
            assert function() is None
        finally:
            gc.enable()
        assert "x1" in str(shown) and "x1" in shown._repr_svg_()


# HTML


def parsed(value):
    """What a notebook is given, which must be well-formed."""
    return ET.fromstring(value._repr_html_())


def text(value):
    return "".join(parsed(value).itertext())


class Broken(Layer):
    def named_layers(self):
        raise RuntimeError("broken")


class TestHtml:
    def test_the_numbers_are_the_numbers(self):
        data = np.random.default_rng(0).normal(size=(5, 7))
        x = Variable(data, name="x")
        cells = [[float(cell.text) for cell in row.iter("td")] for row in parsed(x).iter("tr")]
        np.testing.assert_allclose(cells, data, rtol=1e-3)
        said = dict(re.findall(r"(min|mean|max) (\S+?)(?= ·|[^\d.e+-]|$)", x._repr_html_().partition("</div>")[0]))
        expected = {"min": data.min(), "mean": data.mean(), "max": data.max()}
        assert {key: float(value) for key, value in said.items()} == pytest.approx(expected, rel=1e-3)

    def test_the_facts(self):
        x = v(np.ones((2, 3)), "x")
        y = np.tanh(x)
        assert "x · (2, 3) float64 · leaf" in text(x)
        assert "(2, 3) float64 · made by tanh" in text(y)
        assert "W · (3,) float64 · parameter" in text(Parameter(np.ones(3), "W"))
        assert "constant" in text(Variable(np.arange(3)))

    def test_the_gradient(self):
        x = v([1.0, -2.0, 3.0], "x")
        assert "grad" not in text(x)
        weights = np.random.default_rng(1).normal(size=3)
        F.sum(x * x * weights).backward()
        _, below = parsed(x).findall("table")
        np.testing.assert_allclose([float(c.text) for c in below.iter("td")], 2 * x.data * weights, rtol=1e-3)

    def test_the_graph_where_it_is_small(self):
        assert parsed(book()).find(f"details/div/{SVG}svg") is not None
        assert parsed(chain(29)).find("details") is not None
        assert parsed(chain(31)).find("details") is None
        assert parsed(v(1.0)).find("details") is None

    def test_a_large_graph_costs_no_more_than_a_small_one(self):
        y = chain(30_000)
        start = time.process_time()
        y._repr_html_()
        assert time.process_time() - start < 0.2

    def test_many_numbers_are_a_heat_map(self):
        data = np.random.default_rng(2).normal(size=(20, 30))
        picture = parsed(Variable(data)).find(f".//{SVG}svg")
        tiles = {
            (int(row), int(column)): path.get("fill")
            for path in picture.findall(f"{SVG}path")
            for column, row in re.findall(r"M(\d+) (\d+)h", path.get("d"))
        }
        assert len(tiles) == data.size
        above, below = {tiles[place] for place in zip(*np.nonzero(data > 0), strict=True)}, set(tiles.values())
        assert len(above) == 1 and len(below) == 2

    def test_huge_arrays_are_summed_up(self):
        data = np.random.default_rng(3).normal(size=(3, 1000, 700)).astype(np.float32)
        html = Variable(data)._repr_html_()
        assert len(html) < 40_000
        assert f"mean {data.mean(dtype=float):.4g}" in html and "one of " in html and "at [0, :, :]" in html

    @pytest.mark.parametrize(
        ("data", "says"),
        [
            (np.array(2.5), "2.5"),
            (np.zeros((0, 3)), "no entries"),
            (np.zeros((2, 0, 3)), "no entries"),
            (np.array([np.nan, 1.0, np.inf, -np.inf]), "1 NaN · 2 infinite"),
            (np.full((30, 30), np.nan), "900 NaN"),
            (np.array(np.nan), "1 NaN"),
            (np.array([1 + 2j, complex(np.nan, 0)]), "1+2j"),
            (np.array([True, False, True]), "2 of 3 True"),
            (np.array(True), "True"),
            (np.array([2**63 - 1, -(2**63)]), str(2**63 - 1)),
            (np.array([255, 0], np.uint8), "255"),
            (np.array([60000, -60000, 60000], np.float16), "mean 2e+04"),
            (np.array([3e38, 3e38], np.float32), "mean 3e+38"),
            (np.array([1e308, 1e308]), "max 1e+308"),
            (np.array([5e-324, 0.0]), "4.941e-324"),
            (np.ones((2, 3, 4, 5)), "at [0, 0, :, :]"),
        ],
    )
    def test_every_kind_of_array(self, data, says):
        assert says in text(Variable(data))

    def test_jax(self):
        x = Variable(jnp.asarray([[1.0, -2.5]]), name="x")
        assert "-2.5" in text(x) and "made by multiply" in text(F.tanh(x) * 2.0)
        assert "1.5" in text(Variable(jnp.asarray([1.5, 2.0], jnp.bfloat16)))

    def test_tracers_are_left_alone(self):
        shown = []

        def step(array, show):
            x = Variable(array, name="x")
            y = F.tanh(x) * array
            if show:
                shown.extend([text(x), text(y), str(graph(y))])
            return y.data

        bare = str(jax.make_jaxpr(lambda array: step(array, False))(jnp.ones(3)))
        assert str(jax.make_jaxpr(lambda array: step(array, True))(jnp.ones(3))) == bare
        assert "x · (3,) float32 · leaf · no numbers yet" in shown[0] and "multiply" in shown[1]

    def test_parameters_that_wait_for_their_shape(self):
        assert "(?, 3) float32 · parameter · no numbers yet" in text(Linear(3).weight)

    def test_no_data(self):
        x = v(1.0)
        x.data = None
        assert text(x) == "variable(None)"

    @pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a & b", '"><b>'])
    def test_names_are_escaped(self, name):
        x = v(1.0, name)
        assert name in text(x) and name in text(x * 2.0)

    def test_layers(self):
        model = MLP((5, 3))
        model(np.ones((2, 4), np.float32))
        rows = [[cell.text or "" for cell in row.iter("td")] for row in parsed(model).iter("tr")]
        assert rows[1:] == [
            ["", "MLP(sigmoid)", "43 parameters"],
            ["layers.0", "Linear(4 -> 5)", "25 parameters"],
            ["layers.1", "Linear(5 -> 3)", "18 parameters"],
        ]

        class Odd(Layer):
            def details(self):
                return "<b>"

        assert "Odd(<b>)" in text(Odd())

    def test_it_never_fails(self):
        assert "Broken" in text(Broken())

    def test_nothing_is_changed_and_nothing_kept(self):
        x = v([1.0, 2.0], "x")
        y = F.sum(np.sin(x) * x)
        function, data = ref(y.creator), y.data
        y._repr_html_()
        assert y.data is data and x.grad is None
        y.backward()
        np.testing.assert_allclose(x.grad.data, np.cos(x.data) * x.data + np.sin(x.data))
        gc.disable()
        try:
            del y
            assert function() is None
        finally:
            gc.enable()
