"""Muon: momentum with its singular values made equal, for the weights of convolutions.

A weight is a matrix, outputs by inputs. Its momentum is replaced by a matrix near it whose
singular values are all about one, so that what is weak in the gradient is learnt as fast as what
is strong. K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024,
https://kellerjordan.github.io/posts/muon/; J. Bernstein and L. Newhouse, "Old optimizer, new norm:
an anthology", 2024, doi:10.48550/arXiv.2409.20325.
"""

from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
ADAM_SHARE = 0.05
"""Rate of Adam, as a share of Muon's, for all that is no hidden convolution."""
QUINTIC = (3.4445, -4.7750, 2.0315)
"""Of the odd polynomial that brings singular values between 0.01 and 1 near one in few rounds."""
N_ROUNDS = 5


class Muon(torch.optim.Optimizer):
    """Muon for the weights of hidden convolutions, Adam for biases, scales and 1 x 1 x 1 kernels.

    Parameters
    ----------
    network
        What is trained.
    rate
        Of Muon: about the spectral norm of a weight's step.
    betas
        Of Adam.
    """

    def __init__(self, network: nn.Module, rate: float, betas: tuple[float, float]) -> None:
        parameters = list(network.parameters())
        super().__init__([one for one in parameters if _is_hidden(one)], {'lr': rate})
        others = [one for one in parameters if not _is_hidden(one)]
        self.adam = torch.optim.Adam(others, ADAM_SHARE * rate, betas)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Change the weights by their gradients.

        Parameters
        ----------
        closure
            Not used: the gradients are there.
        """
        del closure
        for group in self.param_groups:
            for weight in group['params']:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if 'momentum' not in state:
                    state['momentum'] = torch.zeros_like(weight)
                momentum = state['momentum'].lerp_(weight.grad, 1 - MOMENTUM)
                ahead = torch.lerp(weight.grad, momentum, MOMENTUM).reshape(len(weight), -1)
                weight.sub_(group['lr'] * equalised(ahead).view(weight.shape))
        for group in self.adam.param_groups:
            group['lr'] = ADAM_SHARE * self.param_groups[0]['lr']
        self.adam.step()

    def zero_grad(self, set_to_none: bool = True) -> None:  # noqa: FBT001, FBT002 -- as torch has it
        """Forget the gradients.

        Parameters
        ----------
        set_to_none
            Whether to free their memory.
        """
        super().zero_grad(set_to_none)
        self.adam.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Tell all that decides the next steps."""
        return super().state_dict() | {'adam': self.adam.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what ``state_dict`` told.

        Parameters
        ----------
        state_dict
            Not changed.
        """
        own = {key: value for key, value in state_dict.items() if key != 'adam'}
        super().load_state_dict(own)
        self.adam.load_state_dict(state_dict['adam'])


def equalised(matrix: Tensor) -> Tensor:
    """Bring the singular values of a matrix near one, and keep its singular vectors.

    Newton and Schulz's iteration with a quintic polynomial; they end between about 0.7 and 1.2. A
    matrix with more rows than columns is made as much larger as keeps the mean square of its
    output.

    Parameters
    ----------
    matrix
        Outputs by inputs; zero stays zero.

    Returns
    -------
        Of the same shape.
    """
    a, b, c = QUINTIC
    is_tall = matrix.shape[0] > matrix.shape[1]
    turned = matrix.T if is_tall else matrix
    turned = turned / turned.norm().clamp(min=torch.finfo(matrix.dtype).tiny)
    # all rounds are polynomials of the small Gram matrix; the large one is read twice
    gram = turned @ turned.T
    rounds = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    for _ in range(N_ROUNDS):
        one = b * gram + c * gram @ gram
        one.diagonal().add_(a)
        rounds = one @ rounds
        gram = one @ gram @ one
    turned = rounds @ turned
    turned = turned.T if is_tall else turned
    return turned * max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5


def _is_hidden(weight: Tensor) -> bool:
    return weight.ndim == 5 and weight[0, 0].numel() > 1
