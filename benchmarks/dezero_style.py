"""A small define-by-run autograd built the way the book's DeZero is, to measure that way of building.

Every function holds its inputs, and its outputs by weak reference; gradients are Variables, computed by the same
functions with recording switched off, or on for ``create_graph``; the functions still to be passed are sorted by
generation at every push.  Nothing tells a constant from a variable, so every input is given its gradient.
The code is our own, and has only what the cases need.
"""

import contextlib
import weakref

import numpy as np


class Config:
    enable_backprop = True


@contextlib.contextmanager
def using_config(name, value):
    before = getattr(Config, name)
    setattr(Config, name, value)
    try:
        yield
    finally:
        setattr(Config, name, before)


class Variable:
    __array_priority__ = 200

    def __init__(self, data):
        if not isinstance(data, np.ndarray):
            raise TypeError(f"{type(data)} is no array")
        self.data = data
        self.grad = None
        self.creator = None
        self.generation = 0

    def cleargrad(self):
        self.grad = None

    def set_creator(self, function):
        self.creator = function
        self.generation = function.generation + 1

    def backward(self, create_graph=False):
        if self.grad is None:
            self.grad = Variable(np.ones_like(self.data))
        functions, seen = [], set()

        def push(function):
            if function not in seen:
                seen.add(function)
                functions.append(function)
                functions.sort(key=lambda each: each.generation)

        push(self.creator)
        while functions:
            function = functions.pop()
            gys = [output().grad for output in function.outputs]
            with using_config("enable_backprop", create_graph):
                gxs = function.backward(*gys)
                if not isinstance(gxs, tuple):
                    gxs = (gxs,)
                for x, gx in zip(function.inputs, gxs, strict=True):
                    x.grad = gx if x.grad is None else x.grad + gx
                    if x.creator is not None:
                        push(x.creator)
            for output in function.outputs:
                output().grad = None

    def __add__(self, other):
        return Add()(self, as_array(other, self))

    def __sub__(self, other):
        return Sub()(self, as_array(other, self))

    def __rsub__(self, other):
        return Sub()(as_array(other, self), self)

    def __mul__(self, other):
        return Mul()(self, as_array(other, self))

    def __neg__(self):
        return Neg()(self)

    def __pow__(self, exponent):
        return Pow(exponent)(self)

    __radd__, __rmul__ = __add__, __mul__


def as_variable(value):
    return value if isinstance(value, Variable) else Variable(value)


def as_array(value, like=None):
    """A number as an array, of the dtype it meets: so float32 stays float32, as on the NumPy of DeZero's time."""
    return np.array(value, dtype=like.data.dtype if like is not None else None) if np.isscalar(value) else value


class Function:
    def __call__(self, *inputs):
        inputs = [as_variable(each) for each in inputs]
        ys = self.forward(*[each.data for each in inputs])
        if not isinstance(ys, tuple):
            ys = (ys,)
        outputs = [Variable(as_array(y)) for y in ys]
        if Config.enable_backprop:
            self.generation = max([each.generation for each in inputs])
            for output in outputs:
                output.set_creator(self)
            self.inputs = inputs
            self.outputs = [weakref.ref(output) for output in outputs]
        return outputs if len(outputs) > 1 else outputs[0]


class Add(Function):
    def forward(self, x0, x1):
        return x0 + x1

    def backward(self, gy):
        return gy, gy


class Sub(Function):
    def forward(self, x0, x1):
        return x0 - x1

    def backward(self, gy):
        return gy, -gy


class Mul(Function):
    def forward(self, x0, x1):
        return x0 * x1

    def backward(self, gy):
        x0, x1 = self.inputs
        return gy * x1, gy * x0


class Neg(Function):
    def forward(self, x):
        return -x

    def backward(self, gy):
        return -gy


class Pow(Function):
    def __init__(self, exponent):
        self.exponent = exponent

    def forward(self, x):
        return x**self.exponent

    def backward(self, gy):
        (x,) = self.inputs
        return self.exponent * x ** (self.exponent - 1) * gy


class Tanh(Function):
    def forward(self, x):
        return np.tanh(x)

    def backward(self, gy):
        y = self.outputs[0]()
        return gy * (1 - y * y)


class Sigmoid(Function):
    def forward(self, x):
        return 1 / (1 + np.exp(-x))

    def backward(self, gy):
        y = self.outputs[0]()
        return gy * y * (1 - y)


class ReLU(Function):
    def forward(self, x):
        return np.maximum(x, 0)

    def backward(self, gy):
        return gy * (self.inputs[0].data > 0)


class MatMul(Function):
    def forward(self, x, w):
        return x @ w


class Transpose(Function):
    def forward(self, x):
        return x.T


class SumRows(Function):
    def forward(self, x):
        return x.sum(axis=0)


class Linear(Function):
    def forward(self, x, w, b):
        y = x @ w
        y += b
        return y

    def backward(self, gy):
        x, w, _ = self.inputs
        return MatMul()(gy, Transpose()(w)), MatMul()(Transpose()(x), gy), SumRows()(gy)


class SoftmaxCrossEntropy(Function):
    def __init__(self, t):
        self.t = t

    def forward(self, x):
        top = x.max(axis=1, keepdims=True)
        log_p = x - top - np.log(np.exp(x - top).sum(axis=1, keepdims=True))
        return -log_p[np.arange(len(x)), self.t].sum() / np.float32(len(x))

    def backward(self, gy):
        x = self.inputs[0].data
        e = np.exp(x - x.max(axis=1, keepdims=True))
        p = Variable(e / e.sum(axis=1, keepdims=True))
        return (p - np.eye(x.shape[1], dtype=x.dtype)[self.t]) * (gy * (1 / len(x)))


class SGD:
    def __init__(self, parameters, lr):
        self.parameters, self.lr = parameters, lr

    def update(self):
        for each in self.parameters:
            each.data -= self.lr * each.grad.data


class Adam:
    def __init__(self, parameters, lr, beta1=0.9, beta2=0.999, eps=1e-8):
        self.parameters, self.lr, self.beta1, self.beta2, self.eps = parameters, lr, beta1, beta2, eps
        self.t, self.ms, self.vs = 0, {}, {}

    def update(self):
        self.t += 1
        lr = self.lr * (1 - self.beta2**self.t) ** 0.5 / (1 - self.beta1**self.t)
        for each in self.parameters:
            key, g = id(each), each.grad.data
            if key not in self.ms:
                self.ms[key], self.vs[key] = np.zeros_like(g), np.zeros_like(g)
            m, v = self.ms[key], self.vs[key]
            m += (1 - self.beta1) * (g - m)
            v += (1 - self.beta2) * (g * g - v)
            each.data -= lr * m / (np.sqrt(v) + self.eps)
