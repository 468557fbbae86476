"""What other libraries' names are called here: the words of the errors that answer them.

One table for each kind of thing that is asked: a Variable, a layer, an optimizer, a module of names; and one for the
arguments that a constructor is given.  A row is a name, and what to write instead.
"""

from collections.abc import Callable
from inspect import Parameter, getattr_static, signature
from typing import Any, TypeVar, cast

__all__ = ["ARGUMENTS", "NAMES", "answers", "check_arguments", "missing"]

T = TypeVar("T", bound=type)

# Of each kind of thing: the name that it does not have, and what to write.
NAMES: dict[str, dict[str, str]] = {
    "Variable": {
        "numpy": "x.data",
        "cpu": "x.data, which is in main memory",
        "cuda": "the array that says where it runs: a Variable of JAX arrays runs where these are",
        "to": "x.astype(dtype); a Variable runs where its array is",
        "view": "x.reshape(shape)",
        "permute": "x.transpose(axes)",
        "unsqueeze": "np.expand_dims(x, axis), or x[None]",
        "expand": "np.broadcast_to(x, shape)",
        "clone": "x.copy()",
        "contiguous": "x.copy()",
        "t": "x.T",
        "mm": "x @ y",
        "bmm": "x @ y",
        "requires_grad_": "x.requires_grad = True",
        "detach_": "x = x.detach()",
        "grad_fn": "x.creator",
        "is_leaf": "x.creator is None",
        "zero_grad": "x.cleargrad()",
        "zero_": "x[...] = 0.0, inside wengert.no_grad() for a leaf",
        "fill_": "x[...] = value, inside wengert.no_grad() for a leaf",
        "add_": "x += value",
        "sub_": "x -= value",
        "mul_": "x *= value",
        "div_": "x /= value",
        "copy_": "x[...] = value, inside wengert.no_grad() for a leaf",
        "masked_fill": "np.where(mask, value, x)",
        "gather": "np.take_along_axis(x, index, axis)",
        "chunk": "np.array_split(x, parts, axis)",
        "topk": "x[np.argsort(-x.data)[:k]], along one axis",
        "abs": "np.abs(x), or abs(x)",
        "exp": "np.exp(x)",
        "log": "np.log(x)",
        "sqrt": "np.sqrt(x)",
        "sin": "np.sin(x)",
        "cos": "np.cos(x)",
        "tanh": "np.tanh(x)",
        "pow": "x ** y",
        "sigmoid": "wengert.functions.sigmoid(x)",
        "relu": "wengert.functions.relu(x)",
        "softmax": "wengert.functions.softmax(x, axis)",
        "log_softmax": "wengert.functions.log_softmax(x, axis)",
        "norm": "np.linalg.norm(x)",
        "float": "x.astype(np.float32)",
        "double": "x.astype(np.float64)",
        "half": "x.astype(np.float16)",
        "long": "x.astype(np.int64)",
        "int": "x.astype(np.int32)",
        "array": "x.data",
        "block_until_ready": "x.data, and its block_until_ready()",
    },
    "Layer": {
        "zero_grad": "model.cleargrads()",
        "state_dict": "dict(model.named_state()), or wengert.save(path, model)",
        "load_state_dict": "wengert.load(path, model)",
        "save_weights": "wengert.save(path, model)",
        "load_weights": "wengert.load(path, model)",
        "save": "wengert.save(path, model)",
        "load": "wengert.load(path, model)",
        "to": "the arrays that say where it runs, and dtype= of the layers",
        "cuda": "the arrays that say where it runs",
        "cpu": "not needed: the arrays are in main memory",
        "half": "dtype=np.float16 of the layers",
        "float": "dtype=np.float32 of the layers",
        "double": "dtype=np.float64 of the layers",
        "requires_grad_": "for p in model.parameters(): p.requires_grad = False",
        "modules": "model.named_layers()",
        "named_modules": "model.named_layers()",
        "children": "model.named_layers()",
        "named_children": "model.named_layers()",
        "named_buffers": "model.named_state()",
        "buffers": "model.named_state()",
        "add_module": "self.name = layer",
        "register_module": "self.name = layer",
        "register_parameter": "self.name = wengert.Parameter(array)",
        "register_buffer": "self.name = wengert.layers.Buffer(array)",
        "add_link": "self.name = layer",
        "init_scope": "self.name = layer, with nothing around it",
        "compile": "wengert.training.Trainer(model, optimizer, loss, data)",
        "fit": "wengert.training.Trainer(model, optimizer, loss, data, epochs=...).fit()",
        "predict": "model(x), inside wengert.test_mode() and wengert.no_grad()",
        "evaluate": "model(x), inside wengert.test_mode() and wengert.no_grad()",
        "summary": "wengert.summary(model, x)",
        "trainable_variables": "list(model.parameters())",
        "weights": "list(model.parameters())",
        "apply": "for _, layer in model.named_layers(): ...",
    },
    "Optimizer": {
        "step": "optimizer.update()",
        "zero_grad": "model.cleargrads()",
        "param_groups": "optimizer.groups",
        "state_dict": "optimizer.state(), or wengert.save_checkpoint(path, model=model, optimizer=optimizer)",
        "load_state_dict": "optimizer.load_state(state), or wengert.load_checkpoint(path, optimizer=optimizer)",
        "add_param_group": "optimizer.setup([...]) with all groups",
        "apply_gradients": "optimizer.update()",
        "minimize": "model.cleargrads(), loss.backward() and optimizer.update()",
        "learning_rate": "optimizer.lr",
    },
    "wengert.functions": {
        "cat": "concat",
        "embedding": "embed_id(labels, weight)",
        "view": "reshape",
        "permute": "permute_dims",
        "unsqueeze": "expand_dims",
        "one_hot": "np.eye(classes)[labels]",
        "tensor": "wengert.Variable(np.array([1.0, 2.0]))",
        "mm": "matmul",
        "bmm": "matmul",
        "normalize": "x / norm(x, axis=-1, keepdims=True)",
        "clamp": "clip",
        "gather": "take_along_axis",
        "masked_fill": "where(mask, value, x)",
    },
    "wengert.layers": {
        "Module": "Layer",
        "Chain": "Layer",
        "ModuleList": "a list of layers as an attribute",
        "ModuleDict": "a dictionary of layers as an attribute",
        "ChainList": "a list of layers as an attribute",
        "Parameter": "wengert.Parameter",
        "Dense": "Linear",
        "Identity": "a Sequential without layers",
        "CrossEntropyLoss": "wengert.functions.cross_entropy",
        "NLLLoss": "wengert.functions.nll_loss",
        "MSELoss": "wengert.functions.mse_loss",
        "L1Loss": "wengert.functions.l1_loss",
        "BCELoss": "wengert.functions.binary_cross_entropy",
        "BCEWithLogitsLoss": "wengert.functions.binary_cross_entropy_with_logits",
        "KLDivLoss": "wengert.functions.kl_div",
        "MultiheadAttention": "MultiHeadAttention",
        "functional": "wengert.functions",
        "init": "the module wengert.initializers",
    },
    "wengert.optimizers": {
        "lr_scheduler": "wengert.optimizers itself, which has the schedulers: StepLR",
        "Adagrad": "AdaGrad",
        "Adadelta": "AdaDelta",
        "RMSProp": "RMSprop",
        "NAG": "NesterovMomentum",
    },
}

# Of arguments: what other libraries call them, and what to write.
ARGUMENTS = {
    "in_features": "in_size",
    "out_features": "out_size",
    "units": "out_size",
    "filters": "out_channels",
    "num_features": "channels",
    "num_channels": "channels",
    "input_size": "in_size",
    "num_embeddings": "count",
    "embedding_dim": "size",
    "embed_dim": "size",
    "num_heads": "heads",
    "p": "ratio",
    "device": "the arrays say where it runs: leave it away",
    "betas": "beta1 and beta2",
    "params": "optimizer.setup(model)",
    "learning_rate": "lr",
    "rate": "lr",
    "alpha": "lr",
    "nesterov": "NesterovMomentum(lr, momentum)",
    "momentum": "Momentum(lr, momentum)",
    "kdim": "key_size",
    "vdim": "value_size",
}

# How PyTorch's users write a layer, and how it is written here.
_ORDER = {
    "Linear": "PyTorch's Linear(784, 10) is Linear(10, in_size=784)",
    "Bilinear": "sizes of inputs are found at the first call, or given by name",
    "LSTM": "PyTorch's LSTM(10, 20) is LSTM(20, in_size=10)",
    "GRU": "PyTorch's GRU(10, 20) is GRU(20, in_size=10)",
    "RNN": "PyTorch's RNN(10, 20) is RNN(20, in_size=10)",
    **{
        name: f"PyTorch's {name}(3, 16, 5) is {name}(16, 5, in_channels=3)"
        for name in ("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d")
    },
}


def missing(kind: str, owner: str, name: str) -> AttributeError:
    """The error of a name that ``owner`` does not have, with what to write where another library has it.

    Example:
        >>> print(missing("Optimizer", "Adam", "step"))
        Adam has no step.
            Fix: here it is optimizer.update().
    """
    fix = NAMES[kind].get(name)
    words = f"{owner} has no {name}.\n    Fix: here it is {fix}." if fix else f"{owner!r} has no attribute {name!r}"
    error = AttributeError(words)
    error.name = name
    return error


class _Elsewhere:
    """An attribute that other libraries have: to read it is the error that says what to write.

    One for each name, and no ``__getattr__``: a class with that reads all of its attributes more slowly.
    """

    def __init__(self, kind: str, name: str) -> None:
        self._kind, self.__name__ = kind, name
        self.__doc__ = f"Of other libraries; here it is {NAMES[kind][name]}."

    def __get__(self, thing: Any, owner: type) -> Any:
        if thing is None:
            return self
        raise missing(self._kind, owner.__name__, self.__name__)


def answers(kind: str) -> Callable[[T], T]:
    """Let a class answer the names of `NAMES` that it does not have.

    Example:
        >>> @answers("Optimizer")
        ... class Descent:
        ...     pass
        >>> hasattr(Descent(), "step")
        False
        >>> Descent().step
        Traceback (most recent call last):
        AttributeError: Descent has no step.
            Fix: here it is optimizer.update().
    """

    def decorate(cls: T) -> T:
        for name in NAMES[kind]:
            setattr(cls, name, _Elsewhere(kind, name))

        def listed(self: Any) -> list[str]:
            names = object.__dir__(self)
            return [name for name in names if not isinstance(getattr_static(cls, name, None), _Elsewhere)]

        cls.__dir__ = listed  # type: ignore[method-assign, assignment]
        return cls

    return decorate


def check_arguments(kind: type, given: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Refuse what a constructor does not take, in words that say what to write.

    Args:
        kind: The class that is made.
        given, options: What it was given by position and by name.

    Raises:
        TypeError: too many arguments by position, or a name that it does not take.

    Example:
        >>> from wengert.layers import Linear
        >>> check_arguments(Linear, (10,), {"in_size": 784})
    """
    takes = list(signature(cast(Any, kind).__init__).parameters.values())[1:]
    places = [p.name for p in takes if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    if len(given) > len(places) and not any(p.kind is Parameter.VAR_POSITIONAL for p in takes):
        by_place = ", ".join(places) or "none"
        order = next((_ORDER[cls.__name__] for cls in kind.__mro__ if cls.__name__ in _ORDER), "")
        rest = ", ".join(p.name for p in takes if p.kind is Parameter.KEYWORD_ONLY)
        raise TypeError(
            f"{kind.__name__} takes {len(places)} arguments by position ({by_place}), and was given {len(given)}.\n"
            f"    Fix: {order + '; ' if order else ''}give the rest by name: {rest}."
        )
    names = {p.name for p in takes}
    if any(p.kind is Parameter.VAR_KEYWORD for p in takes):
        return
    for name in options:
        if name not in names:
            fix = ARGUMENTS.get(name)
            known = ", ".join(p.name for p in takes)
            raise TypeError(
                f"{kind.__name__} takes no {name}.\n    Fix: "
                + (f"write {fix}; " if fix and (fix not in kind.__dict__) else "")
                + f"it takes {known}."
            )


def answering(module: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module of names."""

    def answer(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        raise missing(module, module, name)

    return answer
