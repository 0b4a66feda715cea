"""The order to train many choices of one number, carried out in a worker."""

from __future__ import annotations

import time
import traceback
from typing import BinaryIO

from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.core.protocol import Answer, Outcomes, TrainChoices
from skipviz.engine.choices import Choices
from skipviz.engine.out_of_memory import give_back, is_out_of_memory
from skipviz.server import pipe
from skipviz.worker.control import Control

REPORT_S = 0.25
"""How far it is, is told no less often."""


def train_choices(order: TrainChoices, control: Control, out: BinaryIO) -> Answer:
    """Trains all choices, or until it is stopped; what comes of them is sent as it comes."""
    try:
        choices = Choices([Experiment.from_json(text) for text in order.experiments])
        if order.only_time:
            return Answer(order.job, {"seconds": choices.seconds()})
        told = time.monotonic()
        for share, outcomes in choices.train(lambda: control.leaving):
            if outcomes or time.monotonic() - told >= REPORT_S:
                pipe.send(out, Outcomes(order.job, share, outcomes))
                told = time.monotonic()
        return Answer(order.job, {"stopped": control.leaving})
    except SpecError as error:
        sentence = str(error)
    except BrokenPipeError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            sentence = "choices: memory ran out; take less depth or width"
            give_back()
        else:
            traceback.print_exc()
            first = (str(error) or type(error).__name__).splitlines()[0]
            sentence = f"choices: training broke off: {first}"
    return Answer(order.job, error=sentence)
