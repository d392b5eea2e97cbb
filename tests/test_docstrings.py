"""Each public name of the engine says what it takes and gives, with an example that runs."""

import inspect

import pytest

from gdcourse import functional, nn, optim, scalar, schedules, tensor, train

ENGINE = [scalar, tensor, functional, nn, optim, schedules, train]
PUBLIC = {
    f"{module.__name__}.{name}": x
    for module in ENGINE
    for name, x in vars(module).items()
    if callable(x) and not name.startswith("_") and inspect.getmodule(x) is module
}


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_has_an_example_that_runs(name):
    assert ">>> " in (inspect.getdoc(PUBLIC[name]) or ""), name


@pytest.mark.parametrize("name", [name for name, x in PUBLIC.items() if inspect.isclass(x)])
def test_a_method_says_what_it_does(name):
    for method, f in vars(PUBLIC[name]).items():
        public = inspect.isfunction(f) and not method.startswith("_") and f.__name__ != "<lambda>"
        assert not public or inspect.getdoc(getattr(PUBLIC[name], method)), f"{name}.{method}"
