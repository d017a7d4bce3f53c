import dataclasses

import pytest

from qsmnet_bids.errors import SettingsError
from tests.training.tiny import TINY
from training.batches import Mixture
from training.recipe import Recipe, build_source, task
from training.recipe_file import RECIPES_DIR, find_recipe, read_recipe

BASE = """
learning_rate = 0.5
[loss]
mse = 1
[network]
architecture = "direct"
features = 4
[data]
source = "geometric"
size = 32
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'base.toml').write_text(BASE)
    return tmp_path


def write(folder, text):
    path = folder / 'child.toml'
    path.write_text(text)
    return path


def test_defaults_are_the_thesis_s():
    recipe = Recipe(name='x')
    assert (recipe.learning_rate, recipe.betas) == (0.001, (0.9, 0.99))
    assert (recipe.batch_size, recipe.steps) == (32, 20500)
    assert recipe.network['dropout'] == 0.1


def test_a_recipe_has_what_it_inherits_and_what_it_says(folder):
    child = read_recipe(
        write(folder, 'extends = "base"\nsteps = 7\n[loss]\nmae = 1\n[network]\ndepth = 3\n')
    )
    assert (child.name, child.steps, child.learning_rate) == ('child', 7, 0.5)
    assert child.network == {'architecture': 'direct', 'features': 4, 'depth': 3}
    assert child.data == {'source': 'geometric', 'size': 32}
    assert child.loss == {'mae': 1.0}


def test_a_recipe_anywhere_can_extend_one_of_the_project(folder):
    child = read_recipe(write(folder, 'extends = "deepqsm"\nbatch_size = 2\n'))
    shipped = read_recipe(find_recipe('deepqsm'))
    assert child == dataclasses.replace(shipped, name='child', batch_size=2, description='')


def test_another_source_inherits_no_arguments(folder):
    child = read_recipe(write(folder, 'extends = "base"\n[data]\nsource = "geometric"\n'))
    assert child.data == {'source': 'geometric'}


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('lerning_rate = 1.0', 'lerning_rate'),
        ('steps = "many"', 'steps must be int'),
        ('steps = true', 'steps must be int'),
        ('steps = 0', 'steps must be at least 1'),
        ('betas = [0.9]', 'betas'),
        ('ema_decay = 1.5', 'ema_decay must be in'),
        ('learns = "some"', 'learns must be one of'),
        ('learns = "weights"', 'learns = "weights" needs starts_from'),
        ('learns = "weights"\nstarts_from = "one"', r'needs network\.normalisation batch'),
        ('learns = "judge"\nsteps = 1\nbatch_size = 1', 'steps must be at least 2 to fit a judge'),
        ('learns = "judge"', r'learns = "judge" needs network\.architecture refined'),
        ('learning_rate = 0', 'learning_rate must be positive'),
        ('[loss]\nmsee = 1.0', 'loss must name some of'),
        ('[loss]\nmse = "one"', 'loss.mse must be a number'),
        ('[network]\narchitecture = "vnet"', 'network.architecture must be one of'),
        ('[network]\ndeep = 4', 'deep'),
        ('[data]\nsource = "cats"', 'data.source must be one of'),
        ('[data]\nsize = 48\nsides = 3', 'sides'),
        ('steps = ', 'Invalid value'),
        ('extends = "nothing"', 'no such file'),
    ],
)
def test_what_cannot_be_used_is_refused_by_file_and_field(folder, text, message):
    prefix = '' if text.startswith('extends') else 'extends = "base"\n'
    with pytest.raises(SettingsError, match=message) as caught:
        read_recipe(write(folder, prefix + text))
    assert str(folder) in str(caught.value)


def test_a_recipe_that_extends_itself_is_refused(folder):
    with pytest.raises(SettingsError, match='extends itself'):
        read_recipe(write(folder, 'extends = "child"\n'))


def test_a_mixture_draws_from_all_its_parts(folder):
    recipe = read_recipe(
        write(
            folder,
            'extends = "base"\n[[data.mixture]]\nsource = "geometric"\nsize = 16\nweight = 3\n'
            '[[data.mixture]]\nsource = "geometric"\nsize = 32\n',
        )
    )
    source = build_source(recipe)
    assert isinstance(source, Mixture)
    assert source.weights == (3.0, 1.0)
    assert [one.size for one in source.sources] == [16, 32]
    assert task(recipe) == 'dipole'


def test_nothing_stands_beside_a_mixture(folder):
    text = 'extends = "base"\n[data]\nsize = 16\n[[data.mixture]]\nsource = "geometric"\n'
    with pytest.raises(SettingsError, match=r"mixture, so that \['size'\] must"):
        read_recipe(write(folder, text))


@pytest.mark.parametrize('path', sorted(RECIPES_DIR.glob('*.toml')), ids=lambda path: path.stem)
def test_shipped_recipes_can_be_read_and_say_what_they_are(path):
    recipe = read_recipe(path)
    assert recipe.description
    assert find_recipe(recipe.name) == find_recipe(f'{recipe.name}.toml') == path


def test_a_recipe_that_is_not_there_is_named():
    with pytest.raises(SettingsError, match='nothing'):
        find_recipe('nothing')


def test_steps_are_checked_when_they_are_replaced():
    with pytest.raises(ValueError, match='steps must be at least 1'):
        dataclasses.replace(TINY, steps=-1)


def test_a_network_for_another_task_than_the_data_set_is_refused(folder):
    text = 'extends = "bfr-offset"\n[data]\ntask = "onestep"\n'
    with pytest.raises(SettingsError, match=r'network\.task is background, but .* onestep'):
        read_recipe(write(folder, text))
