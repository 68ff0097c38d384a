"""Muon beside torch's own, singular values by torch, and what each parameter is moved by."""

import pytest
import torch
from torch import nn

from deconv_demo.tasks import TASKS
from deconv_demo.training.optimizers import Muon, make_optimizers, orthogonalize

# PyTorch has its own since 2.9.
torch_muon = pytest.importorskip("torch.optim._muon")


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (16, 16), (192, 512)])
def test_orthogonal_as_by_torch(shape):
    """Torch iterates the whole matrix in bfloat16; the singular vectors are those of its SVD."""
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found = orthogonalize(matrix)
    assert found.shape == shape
    expected = torch_muon._zeropower_via_newtonschulz(
        matrix, (3.4445, -4.7750, 2.0315), 5, 1e-7
    ).float()
    assert (found - expected).norm() < 0.04 * expected.norm()

    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    middle = left.T @ found @ right.T
    values = middle.diagonal()
    assert (middle - torch.diag(values)).abs().max() < 1e-4
    assert values.max() < 1.25
    assert values[:-2].min() > 0.65


def test_steps_are_those_of_torch():
    """Adam's size of updates, Nesterov's momentum: twenty steps towards a random matrix."""
    torch.manual_seed(0)
    target, start = torch.randn(2, 24, 40)
    ours, theirs = nn.Parameter(start.clone().view(24, 10, 2, 2)), nn.Parameter(start.clone())
    one = Muon([ours], learning_rate=0.1)
    other = torch_muon.Muon(
        [theirs], lr=0.1, weight_decay=0, adjust_lr_fn="match_rms_adamw", momentum=0.95
    )
    for _ in range(20):
        for parameter, optimizer in ((ours, one), (theirs, other)):
            optimizer.zero_grad()
            (parameter.flatten(1) - target).square().sum().backward()
            optimizer.step()
    moved = (theirs - start).norm()
    assert moved > 5
    assert (ours.flatten(1) - theirs).norm() < 0.03 * moved


def test_a_kernel_without_a_gradient_stays():
    kernel = nn.Parameter(torch.ones(3, 3))
    Muon([kernel], learning_rate=1.0).step()
    assert (kernel == 1).all()


def test_vectors_are_refused():
    with pytest.raises(ValueError, match=r"two dimensions or more, got \(5,\)"):
        Muon([nn.Parameter(torch.zeros(5))], learning_rate=1.0)


@pytest.mark.parametrize("task_id", TASKS)
def test_every_parameter_has_one_optimizer(task_id):
    model = TASKS[task_id].build()
    muon, adam = make_optimizers(model, "muon", learning_rate=1e-3)
    moved = {
        type(optimizer): {id(p) for group in optimizer.param_groups for p in group["params"]}
        for optimizer in (muon, adam)
    }
    kernels, rest = moved[Muon], moved[torch.optim.Adam]
    assert not kernels & rest
    assert kernels | rest == {id(p) for p in model.parameters()}
    # From and to pixels, and biases.
    for name, parameter in model.named_parameters():
        is_edge = name.startswith(("head", "tail")) or parameter.ndim == 1
        assert (id(parameter) in rest) == is_edge, name
    (only,) = make_optimizers(model, "adam", learning_rate=1e-3)
    assert isinstance(only, torch.optim.Adam)


def test_an_unknown_optimizer_is_named():
    with pytest.raises(ValueError, match="'adam' or 'muon', got 'sgd'"):
        make_optimizers(nn.Linear(8, 8), "sgd", learning_rate=1e-3)
