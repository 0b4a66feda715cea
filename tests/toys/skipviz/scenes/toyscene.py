"""Toy: does a toy net learn the toy set?"""

from __future__ import annotations

import numpy as np

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.scene import Ask, Chart, Evidence, Expectation, Figure, Scene, curve

_DEPTH = 4


def _loss(evidence: Evidence) -> list[float]:
    return evidence.final("loss", 0)


def _curve(evidence: Evidence) -> Chart:
    line = curve(evidence, "loss", 0, label="toy", family="toynet", window=2)
    return Chart("Training loss", "step", "loss (nats)", [line])


SCENE = Scene(
    title="A toy learns",
    question="Does a toy net learn to tell left from right?",
    choices=("it does", "it stays at guessing"),
    correct_choice=lambda evidence: int(np.median(_loss(evidence)) > 0.3),
    runs={
        "main": Experiment(
            lanes=[Lane(family="toynet", knobs={"depth": _DEPTH})],
            data="toydots",
            steps=40,
            lr=0.05,
            seeds=3,
            device="cpu",
        )
    },
    figures=(
        Figure("live", "the loss falls", panels=("loss",)),
        Figure("chart", "the loss, as the median over seeds", chart=_curve),
        Figure("probe", "how large the weights have become", ask="weights"),
    ),
    expects=(Expectation("The final loss is low", _loss, at_most=0.3, unit="nats"),),
    saw="The toy net ended at a loss of {loss}.",
    numbers=lambda evidence: {"loss": float(np.median(_loss(evidence)))},
    misconception="That a skip must carry all of its input.",
    caveat="A set this easy proves nothing about nets.",
    sources=(("He et al. 2015", "section 3.1"),),
    seconds=2.0,
    notes="Say what the pictures are before anything runs: noise, with one side brighter than the"
    " other. Ask the room whether a net whose skips carry only half of their input can learn that."
    " Most will say that it can, and they are right: the task is linear. Run it, and look at the"
    " loss together. Then ask what would have to be different for the skips to matter at all: more"
    " layers, so that the halves multiply on the way back to the first layer, and a task that needs"
    " those layers. Let somebody work out what is left of a gradient after as many halvings as the"
    " net has units, and compare with a plain net, where no such way is left open.",
    exercises=(
        ("What is left of a signal that goes around every unit?", "Half of it at each unit."),
        ("Which net carries all of it?", "A residual net."),
    ),
    asks=(Ask("weights", "toyprobe", {"first": _DEPTH}),),
    order=99,
)
