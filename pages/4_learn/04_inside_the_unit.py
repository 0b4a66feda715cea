"""Inside the unit

icon: view_agenda
"""

from skipviz.ui.learn import lesson

lesson.begin(__file__, "Addition, normalisation, activation: does their order matter?")

lesson.text("""
A residual unit is more than a plus sign: weights, BatchNorm and ReLU stand around it, in some
order. In the first paper the ReLU comes after the addition, so that every signal on the shortcut
passes it (He et al. 2015, Fig. 2).

The second paper asks what happens if *nothing* stands on the shortcut's way. Then the signal at
any unit is the signal at an earlier one plus a sum of branches:

$$x_L = x_l + \\sum_{i=l}^{L-1} F(x_i)$$

and the gradient comes back with the same plain sum (He et al. 2016, section 2). Five orders were
compared (He et al. 2016, Fig. 4); BatchNorm and ReLU *before* the weights, called full
**pre-activation**, leaves the shortcut clean.

Rank them before you look.
""")
lesson.scene("preactivation", figures=(1, 2))

lesson.text("""
In the paper all five reach a good error in the end: with 110 layers 6.37 % for full
pre-activation, 6.61 % for the original, 8.17 % for BatchNorm after the addition (He et al. 2016,
Table 2). A short run at a high learning rate makes the same differences larger. It shows how soon
each order learns, and not where it would end.

#### “BatchNorm is absolutely necessary”

Lecture slides say so, “because of vanishing gradients”. That is two claims. The first page has
shown what BatchNorm does to the gradients of a plain net at init. Here is the other half: a deep
residual net, with BatchNorm, without it, and without it but with branches that begin small.
""")
lesson.scene("batchnorm_needed", figures=(1,))

lesson.text("""
Fixup (Zhang et al. 2019, section 3) does on large nets what the small branches do here. “Not
necessary” is a modest claim: BatchNorm may still be the easiest way.

#### Where skips earn their keep: a saturating activation

The slope of a sigmoid is at most a quarter, so a plain stack of them loses gradient in every
layer unless the weights are large (Hochreiter 1991, and Bengio et al. 1994). Does it take a skip to
save such a net? Or a better optimiser? Several cures are tried side by side.
""")
lesson.scene("sigmoid", figures=(1,))
lesson.end(
    __file__,
    "residual unit",
    "after-addition activation",
    "pre-activation",
    "batch normalisation",
    "activation",
    "init",
)
