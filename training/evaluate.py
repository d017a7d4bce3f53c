"""Figures of an exported network on a validation set."""

from pathlib import Path
from typing import Any

import torch

from qsmnet_bids.errors import WeightsError
from qsmnet_bids.weights.cards import WEIGHTS_DIR, read_card
from qsmnet_bids.weights.registry import load_network
from training.recipe import Recipe, recipe_from
from training.validation import validate, validation_set


def evaluate(
    weights: str, recipe: Recipe | None = None, *, device: torch.device
) -> dict[str, str | float]:
    """Validate a network as it is shipped, in half-precision weights.

    Parameters
    ----------
    weights
        Path of a model card or of the weights beside it, or the name of weights that ship.
    recipe
        On whose validation set; that of the model card's own recipe if None.
    device
        To compute on.

    Returns
    -------
        ``weights``, ``recipe``, ``samples`` and the figures of ``validation``.

    Raises
    ------
    WeightsError
        If there is no such network, or its card has no recipe that can be read and none is given.
    """
    name, folder = _located(weights)
    if recipe is None:
        recipe = _own_recipe(read_card(name, folder), name)
    network = load_network(name, folder).module.to(device)
    found = validate(network, validation_set(recipe, device))
    return {
        'weights': name,
        'recipe': recipe.name,
        'samples': recipe.validation_samples,
        **found.figures,
    }


def _located(weights: str) -> tuple[str, Path]:
    path = Path(weights)
    if path.suffix in {'.json', '.safetensors'}:
        return path.stem, path.parent
    return weights, WEIGHTS_DIR


def _own_recipe(card: dict[str, Any], name: str) -> Recipe:
    content = dict(card.get('training', {}).get('recipe', {}))
    content.pop('name', None)
    try:
        return recipe_from(content, name=name)
    except (TypeError, ValueError) as error:
        raise WeightsError(
            f'{name}: its card has no usable recipe ({error}); name a --recipe'
        ) from error
