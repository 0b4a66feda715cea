"""A stranger's program, never run: mypy reads it and finds types in what is imported."""

from collections.abc import Iterator
from typing import assert_type

from torch import nn

import skipviz

lane = skipviz.Lane(family="highway", knobs={"depth": 20})
experiment = skipviz.Experiment(lanes=[lane], data="digits", steps=100)

assert_type(lane, skipviz.Lane)
assert_type(experiment.steps, int)
assert_type(skipviz.build("resnet", depth=20), nn.Module)
assert_type(skipviz.train(experiment), Iterator[skipviz.Frame])
assert_type(skipviz.load("run"), skipviz.LoadedRun)
assert_type(skipviz.load("run").experiment, skipviz.Experiment)
assert_type(skipviz.show(skipviz.load("run")).html, str)
