"""The optimizers of training: Adam, or Muon for the kernels and Adam for all the rest."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

# Coefficients of the polynomial that Muon iterates, chosen to lift small singular values fast; it
# ends near one, not at one (Jordan et al. 2024).
LINEAR, CUBIC, QUINTIC = 3.4445, -4.7750, 2.0315
ITERATIONS = 5
# Adam's updates have a root mean square near this many learning rates; Muon's are scaled to it, so
# that one learning rate means one thing (Liu et al. 2025, "Muon is Scalable for LLM Training").
UPDATE_RMS = 0.2


class Muon(torch.optim.Optimizer):
    """Momentum SGD whose update is a matrix with all singular values near one.

    A kernel counts as the matrix of its first dimension by all others. Adam follows the few
    directions in which gradients are large; here every direction moves alike (Jordan et al. 2024,
    "Muon: An optimizer for hidden layers in neural networks"; ``torch.optim.Muon`` is the same for
    matrices, in bfloat16, and three times as slow on processors that have none). The networks of
    this repository learn faster with it from scratch; trained ones came out worse than by Adam.

    Args:
        kernels: Parameters of two dimensions or more.
        learning_rate: The root mean square of an update is 0.2 times this.
        momentum: Nesterov momentum of the gradients.

    Raises:
        ValueError: A parameter has fewer than two dimensions.

    >>> kernel = nn.Parameter(torch.zeros(4, 4))
    >>> optimizer = Muon([kernel], learning_rate=0.1)
    >>> kernel.grad = torch.diag(torch.tensor([1.0, 0.1, 0.01, 0.5]))
    >>> optimizer.step()
    >>> (kernel.diag() < -0.02).all().item()
    True
    """

    def __init__(
        self, kernels: Iterable[nn.Parameter], *, learning_rate: float, momentum: float = 0.95
    ) -> None:
        super().__init__(kernels, {"lr": learning_rate, "momentum": momentum})
        for kernel in (kernel for group in self.param_groups for kernel in group["params"]):
            if kernel.ndim < 2:
                raise ValueError(
                    f"Muon is for parameters of two dimensions or more, got {tuple(kernel.shape)}"
                )

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # without a closure, which nobody passes
        """Move every kernel that has a gradient."""
        for group in self.param_groups:
            for kernel in group["params"]:
                if kernel.grad is None:
                    continue
                state = self.state[kernel]
                if "average" not in state:
                    state["average"] = torch.zeros_like(kernel)
                average = state["average"]
                average.lerp_(kernel.grad, 1 - group["momentum"])
                update = kernel.grad.lerp(average, group["momentum"]).flatten(1)
                # An orthogonal matrix of these sides has entries of 1 / sqrt(longer side).
                rate = group["lr"] * UPDATE_RMS * max(update.shape) ** 0.5
                kernel.sub_(rate * orthogonalize(update).view_as(kernel))


def orthogonalize(matrix: Tensor) -> Tensor:
    """Bring all singular values of a matrix near one, without touching its singular vectors.

    The Newton-Schulz iteration ``X <- aX + b(XX')X + c(XX')^2 X`` is a polynomial of the small
    matrix ``XX'`` times ``X``, so it is carried out on the small ones and multiplied with ``X``
    once, which takes a third of the work.

    Args:
        matrix: ``(M, N)``, float32.

    Returns:
        ``(M, N)``; singular values of more than a hundredth of the norm come to 0.65 to 1.25.

    >>> values = torch.linalg.svdvals(orthogonalize(torch.diag(torch.tensor([3.0, 0.1]))))
    >>> ((values > 0.65) & (values < 1.25)).all().item()
    True
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonalize(matrix.T).T
    matrix = matrix / matrix.norm().clamp(min=1e-7)
    gram = matrix @ matrix.T
    product = factor = _factor(gram)
    for _ in range(ITERATIONS - 1):
        gram = factor @ gram @ factor
        factor = _factor(gram)
        product = factor @ product
    return product @ matrix


def _factor(gram: Tensor) -> Tensor:
    """What one step of the iteration multiplies ``X`` with."""
    factor = torch.addmm(gram, gram, gram, beta=CUBIC, alpha=QUINTIC)
    factor.diagonal().add_(LINEAR)
    return factor


def make_optimizers(
    model: nn.Module, name: str, *, learning_rate: float
) -> list[torch.optim.Optimizer]:
    """Return the optimizers that together update all parameters of a network.

    Args:
        model: Network whose parameters are optimized.
        name: "adam" for all of them, or "muon" for the kernels inside and Adam for the rest:
            biases and the layers from and to pixels, whose matrices have three to six rows, too
            few directions to make alike.
        learning_rate: Learning rate of each optimizer.

    Raises:
        ValueError: ``name`` is another one.
    """
    if name not in ("adam", "muon"):
        raise ValueError(f"the optimiser must be 'adam' or 'muon', got {name!r}")
    kernels: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for parameter in model.parameters():
        inside = name == "muon" and parameter.ndim > 1 and min(parameter.shape[:2]) > 6
        (kernels if inside else rest).append(parameter)
    optimizers: list[torch.optim.Optimizer] = []
    if kernels:
        optimizers.append(Muon(kernels, learning_rate=learning_rate))
    if rest:
        optimizers.append(torch.optim.Adam(rest, lr=learning_rate, betas=(0.9, 0.99)))
    return optimizers
