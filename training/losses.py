"""What training minimises."""

from collections.abc import Callable

from torch import Tensor


def mse(output: Tensor, label: Tensor) -> Tensor:
    """Mean squared error, ppm^2.

    Parameters
    ----------
    output, label
        ppm, any shape.
    """
    return (output - label).square().mean()


def mae(output: Tensor, label: Tensor) -> Tensor:
    """Mean absolute error, ppm.

    Parameters
    ----------
    output, label
        ppm, any shape.
    """
    return (output - label).abs().mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {'mse': mse, 'mae': mae}
