"""Pooling and resizing as layers, which hold no parameters: each is the function of its name with its options."""

from typing import Any, ClassVar

from wengert import functions as F
from wengert.errors import InputError
from wengert.functions.convolution import whole
from wengert.layers.layer import Layer

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "Flatten",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "PixelShuffle",
    "Upsample",
]


class _Pool(Layer):
    axes: ClassVar[int]

    def _set_up(self, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool) -> None:
        name = type(self).__name__
        self.kernel_size = whole(name, "kernel_size", kernel_size, self.axes, 1)
        self.stride = self.kernel_size if stride is None else whole(name, "stride", stride, self.axes, 1)
        self.padding = whole(name, "padding", padding, self.axes, 0)
        self.ceil_mode = ceil_mode

    def details(self) -> str:
        parts = [f"{_short(self.kernel_size)}"]
        if self.stride != self.kernel_size:
            parts.append(f"stride={_short(self.stride)}")
        if any(self.padding):
            parts.append(f"padding={_short(self.padding)}")
        return ", ".join(parts)


class _MaxPool(_Pool):
    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, *, ceil_mode: bool = False
    ) -> None:
        self._set_up(kernel_size, stride, padding, ceil_mode)
        self.dilation = whole(type(self).__name__, "dilation", dilation, self.axes, 1)

    def forward(self, x: Any) -> Any:
        """See the class."""
        function: Any = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[self.axes - 1]
        return function(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)


class _AvgPool(_Pool):
    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self._set_up(kernel_size, stride, padding, ceil_mode)
        self.count_include_pad = count_include_pad

    def forward(self, x: Any) -> Any:
        """See the class."""
        function: Any = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[self.axes - 1]
        return function(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class _LPPool(_Pool):
    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        self._set_up(kernel_size, stride, 0, ceil_mode)
        self.norm_type = norm_type

    def forward(self, x: Any) -> Any:
        """See the class."""
        function: Any = (F.lp_pool1d, F.lp_pool2d, F.lp_pool3d)[self.axes - 1]
        return function(x, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)

    def details(self) -> str:
        return f"norm_type={self.norm_type:g}, {super().details()}"


class _AdaptivePool(Layer):
    functions: ClassVar[tuple[Any, ...]]
    axes: ClassVar[int]

    def __init__(self, output_size: Any) -> None:
        several = output_size if isinstance(output_size, list | tuple) else (output_size,) * self.axes
        whole(type(self).__name__, "output_size", [1 if n is None else n for n in several], self.axes, 1)
        self.output_size = output_size

    def forward(self, x: Any) -> Any:
        """See the class."""
        return self.functions[self.axes - 1](x, self.output_size)

    def details(self) -> str:
        return f"{self.output_size}"


class _AdaptiveAvgPool(_AdaptivePool):
    functions = F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d


class _AdaptiveMaxPool(_AdaptivePool):
    functions = F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d


class MaxPool1d(_MaxPool):
    """The largest entry of every window of one axis: see `functions.max_pool1d`.

    Example:
        >>> import numpy as np
        >>> MaxPool1d(2)(np.ones((2, 4, 10))).shape
        (2, 4, 5)
    """

    axes = 1


class MaxPool2d(_MaxPool):
    """The largest entry of every window: see `functions.max_pool2d`, also for the arguments.

    Example:
        >>> import numpy as np
        >>> MaxPool2d(2)(np.ones((2, 4, 10, 10))).shape
        (2, 4, 5, 5)
        >>> MaxPool2d(3, stride=2, padding=1)
        MaxPool2d(3, stride=2, padding=1)
    """

    axes = 2


class MaxPool3d(_MaxPool):
    """The largest entry of every window of three axes: see `functions.max_pool3d`.

    Example:
        >>> import numpy as np
        >>> MaxPool3d(2)(np.ones((2, 4, 10, 10, 10))).shape
        (2, 4, 5, 5, 5)
    """

    axes = 3


class AvgPool1d(_AvgPool):
    """The mean of every window of one axis: see `functions.avg_pool1d`.

    Example:
        >>> import numpy as np
        >>> AvgPool1d(2)(np.ones((2, 4, 10))).shape
        (2, 4, 5)
    """

    axes = 1


class AvgPool2d(_AvgPool):
    """The mean of every window: see `functions.avg_pool2d`, also for the arguments.

    Example:
        >>> import numpy as np
        >>> AvgPool2d(3, stride=2, padding=1, count_include_pad=False)(np.ones((2, 4, 10, 10))).shape
        (2, 4, 5, 5)
    """

    axes = 2


class AvgPool3d(_AvgPool):
    """The mean of every window of three axes: see `functions.avg_pool3d`.

    Example:
        >>> import numpy as np
        >>> AvgPool3d(2)(np.ones((2, 4, 10, 10, 10))).shape
        (2, 4, 5, 5, 5)
    """

    axes = 3


class LPPool1d(_LPPool):
    """The p-norm of every window of one axis: see `functions.lp_pool1d`.

    Example:
        >>> import numpy as np
        >>> LPPool1d(2, 2)(np.ones((2, 4, 10))).shape
        (2, 4, 5)
    """

    axes = 1


class LPPool2d(_LPPool):
    """The p-norm of every window: see `functions.lp_pool2d`, also for the arguments.

    Example:
        >>> import numpy as np
        >>> LPPool2d(2, 3, stride=2)(np.ones((2, 4, 11, 11))).shape
        (2, 4, 5, 5)
        >>> LPPool2d(2, 3, stride=2)
        LPPool2d(norm_type=2, 3, stride=2)
    """

    axes = 2


class LPPool3d(_LPPool):
    """The p-norm of every window of three axes: see `functions.lp_pool3d`.

    Example:
        >>> import numpy as np
        >>> LPPool3d(2, 2)(np.ones((2, 4, 10, 10, 10))).shape
        (2, 4, 5, 5, 5)
    """

    axes = 3


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The mean of each of ``output_size`` parts of one axis: see `functions.adaptive_avg_pool1d`.

    Example:
        >>> import numpy as np
        >>> AdaptiveAvgPool1d(3)(np.ones((2, 4, 10))).shape
        (2, 4, 3)
    """

    axes = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The mean of each part of the input, as many as ``output_size`` says: see `functions.adaptive_avg_pool2d`.

    Example:
        >>> import numpy as np
        >>> AdaptiveAvgPool2d((1, 3))(np.ones((2, 4, 10, 10))).shape
        (2, 4, 1, 3)
    """

    axes = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The mean of each part of three axes: see `functions.adaptive_avg_pool3d`.

    Example:
        >>> import numpy as np
        >>> AdaptiveAvgPool3d(1)(np.ones((2, 4, 3, 3, 3))).shape
        (2, 4, 1, 1, 1)
    """

    axes = 3


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest entry of each of ``output_size`` parts of one axis: see `functions.adaptive_max_pool1d`.

    Example:
        >>> import numpy as np
        >>> AdaptiveMaxPool1d(3)(np.ones((2, 4, 10))).shape
        (2, 4, 3)
    """

    axes = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest entry of each part of the input: see `functions.adaptive_max_pool2d`.

    Example:
        >>> import numpy as np
        >>> AdaptiveMaxPool2d((1, 3))(np.ones((2, 4, 10, 10))).shape
        (2, 4, 1, 3)
    """

    axes = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest entry of each part of three axes: see `functions.adaptive_max_pool3d`.

    Example:
        >>> import numpy as np
        >>> AdaptiveMaxPool3d(1)(np.ones((2, 4, 3, 3, 3))).shape
        (2, 4, 1, 1, 1)
    """

    axes = 3


class Upsample(Layer):
    """The same picture in another size: see `functions.interpolate`, also for the arguments.

    Raises:
        InputError: neither or both of ``size`` and ``scale_factor`` are given.

    Example:
        >>> import numpy as np
        >>> Upsample(scale_factor=2, mode="bilinear")(np.ones((1, 3, 4, 4))).shape
        (1, 3, 8, 8)
    """

    def __init__(
        self, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool = False
    ) -> None:
        if (size is None) == (scale_factor is None):
            raise InputError("Upsample: give one of size and scale_factor.")
        self.size = size
        self.scale_factor = scale_factor
        self.mode = mode
        self.align_corners = align_corners

    def forward(self, x: Any) -> Any:
        """See the class."""
        return F.interpolate(x, self.size, self.scale_factor, self.mode, self.align_corners)

    def details(self) -> str:
        given = f"size={self.size}" if self.size is not None else f"scale_factor={self.scale_factor}"
        return f"{given}, mode={self.mode!r}" + (", align_corners=True" if self.align_corners else "")


class PixelShuffle(Layer):
    """Channels laid out as pixels: see `functions.pixel_shuffle`.

    Example:
        >>> import numpy as np
        >>> PixelShuffle(2)(np.ones((1, 12, 4, 4))).shape
        (1, 3, 8, 8)
    """

    def __init__(self, upscale_factor: int) -> None:
        self.upscale_factor = whole("PixelShuffle", "upscale_factor", upscale_factor, 1, 1)[0]

    def forward(self, x: Any) -> Any:
        """See the class."""
        return F.pixel_shuffle(x, self.upscale_factor)

    def details(self) -> str:
        return f"{self.upscale_factor}"


class Flatten(Layer):
    """The axes from ``start_axis`` on as one, as before the dense layers of a network.

    Example:
        >>> import numpy as np
        >>> Flatten()(np.ones((5, 2, 3))).shape
        (5, 6)
    """

    def __init__(self, start_axis: int = 1) -> None:
        self.start_axis = start_axis

    def forward(self, x: Any) -> Any:
        """See the class."""
        return F.flatten(x, self.start_axis)


def _short(values: tuple[int, ...]) -> Any:
    """One number where it is the same for every axis."""
    return values[0] if len(set(values)) == 1 else values
