"""What a call keeps, and how going back feeds the formulas from it: planned once, not looked up at every call.

The names of a formula's parameters say it all.  Next: rule.py.
"""

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

from wengert.errors import NotDifferentiableError

if TYPE_CHECKING:
    from wengert.core.rule import Rule

__all__ = ["Plan", "Plans", "asks", "shape_of"]


def asks(formula: Any) -> list[str]:
    """What a formula asks for: the names of its parameters."""
    if isinstance(formula, partial):
        return []
    asked: str | None = getattr(formula, "asks", None)
    return asked.split() if asked else list(formula.__code__.co_varnames[: formula.__code__.co_argcount])


class Plan:
    """What a call keeps, and how the formulas are fed from it, for one choice of inputs that need a gradient."""

    __slots__ = ("asks_owned", "constants", "keep", "kept_names", "origins", "rule", "run", "sources", "wanted")

    def __init__(self, rule: "Rule", wanted: tuple[int, ...]) -> None:
        self.rule = rule
        self.wanted = wanted
        chosen: dict[tuple[int, ...], Callable[..., Any]] = {}
        for positions, formula in rule.formulas.items():
            if any(position in wanted for position in positions):
                chosen[positions] = formula
        if rule.variadic:  # one formula for all inputs alike
            chosen = dict(rule.formulas) or {(0,): partial(_missing, rule.name, rule.inputs[0])}
        else:
            covered = {position for positions in chosen for position in positions}
            for position in wanted:
                if position not in covered:
                    chosen[(position,)] = partial(_missing, rule.name, rule.inputs[position])
        names = [name for formula in chosen.values() for name in asks(formula)]
        keeps = list(dict.fromkeys(name for name in names if name not in ("xp", "g", "wanted", "owned")))
        self.asks_owned = "owned" in names
        self.kept_names = tuple(keeps)
        self.keep = _keeper(rule, keeps)
        # For a formula that is itself recorded: which kept values were inputs (their position), and which the output.
        self.origins = [rule.inputs.index(n) if n in rule.inputs else -1 if n == "out" else None for n in keeps]
        # What is kept of inputs that need no gradient, and of options: places in what is kept, each with its input's.
        self.constants = [
            (place, self.origins[place])
            for place, name in enumerate(keeps)
            if (name in rule.inputs and (rule.variadic or rule.inputs.index(name) not in wanted))
            or name in rule.options
        ]
        self.sources = [
            (place, origin if origin < 0 else wanted.index(origin))
            for place, origin in enumerate(self.origins)
            if origin is not None and (origin < 0 or origin in wanted)
        ]
        self.run = _runner(rule, wanted, keeps, chosen)


class Plans(dict[int, Plan]):
    """An operation's plans, each made when first asked for: input ``i`` needs a gradient where bit ``i`` is set."""

    def __init__(self, rule: "Rule") -> None:
        self.rule = rule

    def __missing__(self, needs: int) -> Plan:
        plan = self[needs] = Plan(self.rule, tuple(i for i in range(needs.bit_length()) if needs >> i & 1))
        return plan


def _runner(
    rule: "Rule", wanted: tuple[int, ...], keeps: list[str], chosen: dict[tuple[int, ...], Callable[..., Any]]
) -> Callable[[Any, Any, Any], Sequence[Any]]:
    """A function of ``xp``, ``g`` and what was kept that runs the chosen formulas, feeding each what it asks for."""
    places = {name: i for i, name in enumerate(("xp", "g", *keeps, "owned"))}
    steps = []
    for positions, formula in sorted(chosen.items()):
        asked = asks(formula)
        if "wanted" in asked:
            formula = partial(formula, wanted=tuple(position in wanted for position in positions))
            asked.remove("wanted")
        steps.append((positions, formula, [places[name] for name in asked]))

    # The shapes that most formulas have, written out, for this is the path of every backward pass.
    fed = [asked for _, _, asked in steps]
    one, g_only = len(steps) == 1, [1]

    def g_and_one(asked: list[int]) -> bool:
        return len(asked) == 2 and asked[0] == 1 and asked[1] > 1

    if any(len(positions) > 1 for positions, _, _ in steps) or rule.variadic:
        return _joint_runner(rule, wanted, steps)
    (_, first, _), (_, second, _) = steps[0], steps[-1]
    if one and fed[0] == g_only:
        return lambda xp, g, kept: (first(g),)
    if one and g_and_one(fed[0]):
        return lambda xp, g, kept: (first(g, kept[0]),)
    if len(steps) == 2 and fed == [g_only, g_only]:
        return lambda xp, g, kept: (first(g), second(g))
    if len(steps) == 2 and all(map(g_and_one, fed)):
        i, j = fed[0][1] - 2, fed[1][1] - 2
        return lambda xp, g, kept: (first(g, kept[i]), second(g, kept[j]))
    pairs = [(formula, _picker(asked)) for _, formula, asked in steps]

    def run(xp: Any, g: Any, kept: Any) -> Sequence[Any]:
        frame = (xp, g, *kept)
        return [formula(*pick(frame)) for formula, pick in pairs]

    return run


def _joint_runner(rule: "Rule", wanted: tuple[int, ...], steps: list[Any]) -> Callable[[Any, Any, Any], Sequence[Any]]:
    """The same where one formula serves several inputs."""
    fed = [(positions, formula, _picker(asked)) for positions, formula, asked in steps]

    def run(xp: Any, g: Any, kept: Any) -> Sequence[Any]:
        frame = (xp, g, *kept)
        if rule.variadic:
            ((_, formula, pick),) = fed
            gradients = formula(*pick(frame))
            return [gradients[i] for i in wanted]
        found: dict[int, Any] = {}
        for positions, formula, pick in fed:
            out = formula(*pick(frame))
            found.update(zip(positions, out if len(positions) > 1 else (out,), strict=True))
        return [found[i] for i in wanted]

    return run


def _keeper(rule: "Rule", names: list[str]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """How to pick what is kept from ``(*inputs, out, options)``."""
    places = {name: i for i, name in enumerate((*rule.inputs, "out"))}
    if all(name in places for name in names):
        return _picker([places[name] for name in names])
    options = len(places)
    chosen = [name for name in names if name in rule.options and name not in places]
    shaped = [name for name in names if name not in places and name not in chosen]
    places |= {name: options + i for i, name in enumerate((*chosen, *shaped))}
    pick, pick_options = _picker([places[name] for name in names]), _picker(chosen)
    of_shape = [places[name.removesuffix("_shape")] for name in shaped]

    def keep(call: tuple[Any, ...]) -> tuple[Any, ...]:
        given = pick_options(call[options]) if chosen else ()
        shapes = [shape_of(call[place]) for place in of_shape] if of_shape else ()
        return pick((*call[:options], *given, *shapes))

    return keep


def _picker(places: Sequence[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """A function that takes these places of a tuple, or these names of a dictionary, as a tuple."""
    if not places:
        return lambda values: ()
    if len(places) > 1:
        return cast(Any, itemgetter(*places))
    (place,) = places
    return cast(Any, itemgetter(slice(place, place + 1)) if isinstance(place, int) else lambda values: (values[place],))


def shape_of(value: Any) -> Any:
    return tuple(shape_of(part) for part in value) if isinstance(value, tuple) else getattr(value, "shape", ())


def _missing(operation_name: str, input_name: str, *_: Any) -> Any:
    raise NotDifferentiableError(f"{operation_name}: no derivative is declared in its input {input_name!r}.")
