"""The trace page in a real browser: what a person sees is what was computed."""

import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import Variable
from wengert import functions as F
from wengert.layers import Conv2d, Linear, Sequential

ROOT = Path(__file__).parent.parent
ASSET = ROOT / "src" / "wengert" / "visualize" / "trace_page.html"
CHROMIUM = shutil.which("chromium")


def source_digest() -> str:
    """What the build writes into the asset: a checksum over the page's sources."""
    page = ROOT / "page"
    paths = [path for path in page.rglob("*") if path.is_file() and "node_modules" not in path.parts]
    names = {path.relative_to(page).as_posix(): path for path in paths}
    digest = hashlib.sha256()
    for name in sorted(names):
        if name.startswith("src/") or name in ("build.mjs", "package.json", "package-lock.json", "tsconfig.json"):
            digest.update(name.encode() + b"\0" + names[name].read_bytes() + b"\0")
    return digest.hexdigest()


def test_the_asset_is_built_from_these_sources() -> None:
    found = re.search(r'name="wengert-page-source" content="([0-9a-f]{64})"', ASSET.read_text())
    assert found and found[1] == source_digest(), "page/ has changed: run `make page`"


def test_the_asset_asks_for_nothing_from_a_network() -> None:
    text = ASSET.read_text()
    assert len(text) < 250_000
    assert not re.search(r"""(src|href)=["']?(https?:)?//|@import|url\((?!["']?(data:|#))|fetch\(|XMLHttp|import\(""", text)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is in the extra `page`")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    with api.sync_playwright() as play:
        switches = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=switches)
        yield chromium
        chromium.close()


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Opens the page of a trace from disk; what it logs as an error, or asks of a network, fails the test."""
    trouble: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 800})

    def open_page(t: Any) -> Any:
        page = context.new_page()
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("console", lambda note: trouble.append(note.text) if note.type == "error" else None)
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else trouble.append(r.url))
        page.goto(t.save(tmp_path / "trace.html").as_uri())
        page.wait_for_function("window.wengert !== undefined")
        return page

    yield open_page
    context.close()
    assert trouble == []


def text(page: Any, name: str) -> str:
    return page.get_by_test_id(name).first.inner_text()


def steps_to(page: Any, t: Any, kind: str, *facts: Any) -> None:
    """Step with the button until the event has happened."""
    events = [tuple(event) for event in t.to_json()["events"]]
    number = next(i for i, event in enumerate(events) if event[: len(facts) + 1] == (kind, *facts))
    page.evaluate("window.wengert.go(0)")
    for _ in range(number - page.evaluate("window.wengert.event()")):
        page.get_by_test_id("step-forward").click()
    assert page.evaluate("window.wengert.event()") == number


@pytest.fixture
def small() -> Any:
    x0, x1 = Variable(np.array(2.0)), Variable(np.array(3.5))
    with wengert.trace() as t:
        y = (x0 + x1) * x1
        y.backward()
    return t, x0, x1, y


def named(t: Any, name: str) -> int:
    return next(i for i, value in enumerate(t.values) if value["name"] == name)


def test_gradients_arrive_one_by_one(show: Any, small: Any) -> None:
    t, x0, x1, _ = small
    page = show(t)
    number = named(t, "x1")
    steps_to(page, t, "contribution", 1, 1, number)
    page.evaluate(f"window.wengert.select('v{number}')")
    assert "5.5" in text(page, "gradient")
    assert page.get_by_test_id("contributions").count() == 1
    assert "multiply" in text(page, "sentence") and "x1" in text(page, "sentence")
    page.keyboard.press("End")
    rows = page.get_by_test_id("contributions").all_inner_texts()
    assert len(rows) == 2 and "multiply" in rows[0] and "5.5" in rows[0] and "add" in rows[1]
    assert text(page, "gradient").strip().split()[-1] == str(float(x1.grad.data)).removesuffix(".0")


def test_every_shown_gradient_is_the_computed_one(show: Any) -> None:
    rng = np.random.default_rng(0)
    leaves = [Variable(np.array(value), name=f"leaf{i}") for i, value in enumerate(rng.normal(size=4))]
    with wengert.trace() as t:
        a, b, c, d = leaves
        (F.tanh(a * b + c) * d + a / d + a * a).backward()
    page = show(t)
    page.keyboard.press("End")
    for i, leaf in enumerate(leaves):
        page.evaluate(f"window.wengert.select('v{named(t, f'leaf{i}')}')")
        assert float(re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", text(page, "gradient"))[-1]) == float(leaf.grad.data)


def test_forwards_and_backwards_by_keyboard(show: Any, small: Any) -> None:
    t = small[0]
    page = show(t)
    page.keyboard.press("Home")
    first = page.evaluate("window.wengert.event()")
    said = [text(page, "sentence")]
    for _ in range(5):
        page.keyboard.press("ArrowRight")
        said.append(text(page, "sentence"))
    assert page.evaluate("window.wengert.event()") == first + 5 and len(set(said)) == 6
    for expected in said[-2::-1]:
        page.keyboard.press("ArrowLeft")
        assert text(page, "sentence") == expected
    page.keyboard.press("b")
    assert t.events[page.evaluate("window.wengert.event()")][0] == "start"


def test_layers_fold(show: Any) -> None:
    model = Sequential(Sequential(Conv2d(2, 3), F.relu), wengert.layers.Flatten(), Linear(3))
    with wengert.trace() as t:
        F.softmax_cross_entropy(model(np.ones((2, 1, 6, 6))), np.array([0, 1])).backward()
    page = show(t)
    box = page.get_by_test_id("layer-1")
    inner = next(i for i, each in enumerate(t.operations) if each["layer"] == 2)
    if box.get_attribute("aria-expanded") == "false":
        box.focus()
        page.keyboard.press("Enter")
    page.evaluate(f"window.wengert.select('o{inner}')")
    assert page.get_by_test_id(f"node-o{inner}").count() == 1
    box = page.get_by_test_id("layer-1")
    box.focus()
    page.keyboard.press("Enter")
    assert page.get_by_test_id("layer-1").get_attribute("aria-expanded") == "false"
    assert page.get_by_test_id(f"node-o{inner}").count() == 0


def test_search(show: Any, small: Any) -> None:
    page = show(small[0])
    page.keyboard.press("/")
    page.keyboard.type("multiply")
    page.keyboard.press("Enter")
    assert "multiply" in text(page, "inspector") and "g * y" in text(page, "inspector")


def test_one_click_to_the_nan(show: Any) -> None:
    z = Variable(np.array([0.25, -0.5]), name="z")
    with wengert.trace() as t, np.errstate(all="ignore"):
        for _ in range(5):
            F.exp(z)
        w = F.log(z)
        F.sum(w * 2.0).backward()
    page = show(t)
    page.get_by_test_id("anomaly-go").click()
    born = t.to_json()["anomaly"]
    assert page.evaluate("window.wengert.event()") == born["event"]
    shown = text(page, "inspector")
    assert "log" in shown and "-0.5" in shown


def test_most_memory(show: Any) -> None:
    x, y = Variable(np.ones((50, 50)), name="large"), Variable(np.ones(5), name="little")
    with wengert.trace() as t:
        (F.sum(F.exp(x)) + F.sum(F.sin(y))).backward()
    page = show(t)
    assert "exp" in text(page, "most-memory") or "large" in text(page, "most-memory")
    assert page.get_by_test_id("most-memory").get_by_role("button").count() >= 2


def test_text_of_a_program_is_text(show: Any) -> None:
    x = Variable(np.array(2.0), name="<img src=x onerror=alert(1)>")
    with wengert.trace("</script><script>document.title = 'taken'</script>") as t:
        x * x
    page = show(t)
    assert "taken" not in page.title().split("·")[-1] and page.locator("img").count() == 0


def convolutions() -> Any:
    """A small network that takes the root of a negative number on its way."""
    rng = np.random.default_rng(3)
    model = Sequential(Conv2d(4, 3), F.relu, Sequential(Conv2d(4, 3), F.relu), wengert.layers.Flatten(), Linear(3))
    with wengert.trace() as t, np.errstate(all="ignore"):
        x = rng.normal(size=(2, 1, 8, 8))
        x = F.sqrt(F.add(x, 0.02)) + x
        F.softmax_cross_entropy(model(x), np.array([0, 1])).backward()
    return t


def event_of(t: Any, *facts: Any) -> int:
    return next(i for i, event in enumerate(t.events) if tuple(event[: len(facts)]) == facts)


@pytest.mark.parametrize("make", [convolutions, lambda: chain(40)], ids=["nested", "chain"])
def test_no_edge_runs_through_a_node(show: Any, make: Any) -> None:
    page = show(make())
    if page.get_by_role("button", name="Unfold all").count():
        page.get_by_role("button", name="Unfold all").click()
    page.keyboard.press("0")
    page.wait_for_timeout(300)
    found = page.evaluate(CROSSINGS)
    assert found["edges"] > 20
    assert found["crossings"] == []


def test_memory_in_words(show: Any, small: Any) -> None:
    t, *_ = small
    page = show(t)
    page.evaluate(f"window.wengert.go({event_of(t, 'freed', 1)})")
    said = text(page, "sentence")
    for words in ("lets go of", "x1", "result of add", "16 B", "nobody else"):
        assert words in said
    page.evaluate(f"window.wengert.go({event_of(t, 'grad')})")
    assert "+8 B" in text(page, "sentence")
    page.get_by_role("button", name="most 48 B").click()
    assert t.events[page.evaluate("window.wengert.event()")][-1] == 48


def test_a_folded_layer_keeps_what_is_kept_now(show: Any) -> None:
    t = convolutions()
    page = show(t)
    page.get_by_role("button", name="Fold all", exact=True).click()
    box = page.get_by_test_id("layer-0")
    kept = [number for number, event in enumerate(t.events) if event[0] == "freed"]
    page.evaluate(f"window.wengert.go({kept[0] - 1})")
    assert " 0 B kept" not in box.get_attribute("aria-label")
    page.evaluate(f"window.wengert.go({kept[-1]})")
    assert " 0 B kept" in box.get_attribute("aria-label")


def test_what_is_not_finite_is_marked(show: Any) -> None:
    t = convolutions()
    page = show(t)
    born = t.to_json()["anomaly"]
    root = t.operations[born["operation"]]["outputs"][0]
    assert not page.get_by_test_id(f"node-v{root}").get_attribute("aria-label").endswith("has NaN")
    page.evaluate(f"window.wengert.go({born['event']})")
    assert page.get_by_test_id(f"node-v{root}").get_attribute("aria-label").endswith("has NaN")
    count = re.search(r"NaN is born here: (\d+) NaN of 128 entries", text(page, "sentence"))
    assert count and int(count[1]) > 0
    page.evaluate(f"window.wengert.go({event_of(t, 'forward', born['operation'] + 1)})")
    assert "NaN is passed on" in text(page, "sentence")
    page.evaluate(f"window.wengert.select('v{root}')")
    assert f"{count[1]} NaN of 128 entries" in text(page, "inspector")


def test_a_gradient_stays_with_its_operation(show: Any) -> None:
    with wengert.trace() as t:
        x = Variable(np.array(0.5), name="x")
        F.exp(F.sin(x) * 3.0).backward()
    page = show(t)
    page.keyboard.press("End")
    multiply = next(i for i, each in enumerate(t.operations) if t.rules[each["rule"]]["name"] == "multiply")
    page.evaluate(f"window.wengert.select('o{multiply}')")
    arrived = np.exp(np.sin(0.5) * 3.0)
    rows = page.get_by_test_id("inspector").locator("table.uses tr").all_inner_texts()
    assert f"{arrived:.4g}" in rows[-1]
    assert f"{arrived:.4g} * 3 = {3 * arrived:.4g}" in text(page, "inspector")


def test_search_goes_from_hit_to_hit(show: Any) -> None:
    page = show(convolutions())
    page.keyboard.press("/")
    page.keyboard.type("conv2d")
    assert page.get_by_test_id("hits").get_by_role("option").count() == 2
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert "2 of 2" in page.locator("search").inner_text()
    page.get_by_role("button", name="Fit").click()
    page.wait_for_timeout(100)
    assert page.locator(".hit").count() == 2
    page.get_by_test_id("search").fill("result of relu")
    assert page.get_by_test_id("hits").get_by_role("option").count() == 2


def test_a_choice_shows_its_head(show: Any, small: Any) -> None:
    page = show(convolutions())
    page.evaluate("window.wengert.select('o6')")
    page.evaluate("document.querySelector('aside').scrollTop = 400")
    page.evaluate("window.wengert.select('o5')")
    page.wait_for_function("document.querySelector('aside').scrollTop === 0")
    page.set_viewport_size({"width": 400, "height": 800})
    page.get_by_test_id("anomaly-go").click()
    page.wait_for_timeout(100)
    head = page.get_by_test_id("inspector").locator("h2").bounding_box()
    assert head["y"] >= 0 and head["y"] + head["height"] <= 800


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(show: Any, small: Any, scheme: str) -> None:
    """Every text has 4.5 : 1 against what is behind it (WCAG AA)."""
    page = show(small[0])
    page.emulate_media(color_scheme=scheme)
    page.keyboard.press("End")
    page.evaluate(f"window.wengert.select('v{named(small[0], 'x1')}')")
    found = page.evaluate(CONTRAST)
    assert found["checked"] > 20
    assert found["low"] == []


def test_a_narrow_screen(show: Any, small: Any) -> None:
    page = show(small[0])
    page.set_viewport_size({"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    for name in ("graph", "slider", "step-forward", "inspector"):
        assert page.get_by_test_id(name).first.is_visible()


def chain(length: int) -> Any:
    x = Variable(np.array(1.0001))
    with wengert.trace() as t:
        y = x
        for _ in range(length):
            y = y * x
        y.backward()
    return t


def test_a_thousand_nodes(show: Any) -> None:
    page = show(chain(500))
    page.keyboard.press("End")
    assert page.get_by_test_id("graph").is_visible()
    longest = page.evaluate(FRAMES)
    assert longest < 250  # milliseconds, on a machine that does other things as well


@pytest.mark.long
def test_a_hundred_thousand_nodes_open(show: Any) -> None:
    t = chain(50_000)
    page = show(t)
    page.keyboard.press("End")
    assert page.evaluate("window.wengert.event()") == len(t.events) - 1 and text(page, "sentence")
    assert page.evaluate("document.querySelectorAll('*').length") < 20_000


# The luminance and contrast of WCAG 2.1; colours are read from a canvas, which knows every notation.
CONTRAST = """() => {
  const context = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = colour => {
    context.clearRect(0, 0, 1, 1); context.fillStyle = colour; context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const over = (top, under) => top.slice(0, 3).map((v, i) => v * top[3] / 255 + under[i] * (1 - top[3] / 255));
  const low = []; let checked = 0;
  for (const element of document.querySelectorAll('body *')) {
    if (element.closest('svg') || ['SCRIPT', 'STYLE', 'OPTION'].includes(element.tagName)) continue;
    const own = [...element.childNodes].filter(n => n.nodeType === 3).map(n => n.data.trim()).join('');
    const style = getComputedStyle(element);
    if (!own || !element.offsetParent || style.visibility === 'hidden' || element.closest('[disabled], [inert]')) continue;
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor));
    let under = rgba(getComputedStyle(document.documentElement).getPropertyValue('color-scheme') ? 'Canvas' : 'white');
    for (const layer of layers.reverse()) under = over(layer, under);
    const text = over(rgba(style.color), under);
    const [a, b] = [light(text), light(under)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05), size = parseFloat(style.fontSize);
    checked += 1;
    if (ratio < (size >= 24 || (size >= 18.6 && +style.fontWeight >= 700) ? 3 : 4.5))
      low.push(`${element.tagName} "${own.slice(0, 40)}" ${ratio.toFixed(2)}`);
  }
  return {checked, low};
}"""

# Where a drawn edge is inside of a drawn node: points along each edge against the rectangles of all nodes.
CROSSINGS = """() => {
  const nodes = [...document.querySelectorAll('.graph .node')].map(node => {
    const [x, y] = node.getAttribute('transform').match(/-?[\\d.]+/g).map(Number), face = node.querySelector('.face');
    return {name: node.dataset.testid, left: x + 2, top: y + 2,
      right: x + +face.getAttribute('width') - 2, bottom: y + +face.getAttribute('height') - 2};
  });
  const crossings = new Set(); let edges = 0;
  const lines = [...document.querySelectorAll('.edges .edge')].flatMap(path => path.getAttribute('d').split(/(?=M)/));
  for (const line of lines.filter(Boolean)) {
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    path.setAttribute('d', line); edges += 1;
    for (let along = 0; along <= path.getTotalLength(); along += 3) {
      const {x, y} = path.getPointAtLength(along);
      for (const node of nodes)
        if (x > node.left && x < node.right && y > node.top && y < node.bottom) crossings.add(node.name);
    }
  }
  return {edges, crossings: [...crossings]};
}"""

# The longest frame, in milliseconds, while stepping through forty events.
FRAMES = """async () => {
  let longest = 0, before = performance.now();
  for (let i = 0; i < 40; i++) {
    window.wengert.go(window.wengert.event() - 10);
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    longest = Math.max(longest, now - before); before = now;
  }
  return longest;
}"""
