"""``cnncalc summarize --machine``: the least time of each layer here, by the machine's ceilings."""

from typing import TYPE_CHECKING

import click

from ..spec import Loaded
from .output import usage_error

if TYPE_CHECKING:
    from ..analysis.prediction import Prediction

#: Options that shape the table of layers, or what memory is counted for.
OTHERS = ("columns", "depth", "formulas", "convention", "dtype", "optimizer", "memory")


def prediction(loaded: Loaded, batch: int) -> "Prediction":
    """The prediction for a spec that has a graph. Raises click.UsageError."""
    from ..engine.ceilings import NotMeasured, ceilings
    from ..engine.machine import cores, describe, limit_threads
    from ..engine.predict import predict

    context = click.get_current_context()
    for name in OTHERS:
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            raise usage_error(f"--machine predicts times in float32, without --{name}")
    assert loaded.graph is not None
    limit_threads(cores())
    machine = describe(cores())
    try:
        limits = ceilings(machine, again=False)
    except NotMeasured as error:
        raise usage_error(str(error), "pip install 'cnncalc[engine]'") from None
    return predict(loaded.graph, machine, limits, source=loaded.citation, batch=batch)
