"""The stacked engine: dense nets of one shape, trained as one batch of products, backward by hand.

A step of a thin deep net is hundreds of small operations; doing them for all lanes and seeds at
once, without hooks and autograd, leaves the norms as by-products and costs a fraction. It holds the
same numbers as the reference modules, which stay the place where weights come from and go back to.

shape     what nets must share to stand in one stack
stack     `Stack`: loss, update, readings of all nets
weights   the weights of all nets as one tensor
layers    plain, residual and coupled highway nets of equal layers, without anything between them
program   every other dense net as the list of its operations, read from its drawing
drawn     such a list carried out; `calls` and `operations` write its calls down once
chance    what dropout and stochastic depth take out at a step
streams   their random streams, seeded all at once
"""

from skipviz.engine.stacked.shape import StackShape, shape_of
from skipviz.engine.stacked.stack import Stack
from skipviz.engine.stacked.weights import give_weights, take_weights

__all__ = ["Stack", "StackShape", "give_weights", "shape_of", "take_weights"]
