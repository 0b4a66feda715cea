"""Residual nets

icon: alt_route
"""

from skipviz.ui.learn import lesson

lesson.begin(__file__, "What does adding the input change?")

lesson.text("""
If doing nothing is hard to learn, make it the starting point. A residual unit computes

$$y = F(x) + x$$

and its layers learn only the difference $F(x)$ from the identity. To do nothing they need
$F = 0$: driving weights to zero is taken to be easier than finding the identity (He et al. 2015,
section 3.1). The usual inits do not begin there: from He's the branch is at first larger than its
input, from Glorot's a little smaller; only nn.Linear's own is a fraction of it.

On the way back the sum has a derivative with two terms, $1 + F'(x)$. The first passes the
gradient on as it is, whatever the layers do. That does *not* mean that all of it takes this way,
and it does not mean that nothing can explode: both are measured on later pages.

The shortcut has no parameters. Take it out and a plain net with the same layers remains, its
**plain twin**, so the comparison is a fair one (He et al. 2015, section 4.1).

#### “Converges faster”

At 18 layers, where plain nets still train, the residual net arrives sooner (He et al. 2015,
section 4.1). Faster than which plain net, and at which learning rate? Each net gets the same
small search here, and is then counted at its own best rate.
""")
lesson.scene("convergence", figures=(0, 1))

lesson.text("""
#### When the sizes do not match

$F(x) + x$ needs both to have one shape. Between two stages of a convolutional net they have not:
the picture gets smaller and has more channels. The paper offers three ways (He et al. 2015,
section 3.3 and Table 3):

- **A**: skip every other pixel, and append channels of zeros; no parameters
- **B**: a 1 × 1 convolution where the shape changes (He et al. 2015, section 3.3)
- **C**: a 1 × 1 convolution on every shortcut (He et al. 2015, Table 3)

Introductions often show the projection alone (Shorten 2019), and readers may conclude that a
shortcut has to be learned.
""")
lesson.scene("shortcut_options", figures=(1, 2))

lesson.text("""
#### What it brought

With residual units a net of 34 layers has a lower error than one of 18, in the paper's ImageNet
experiment the other way round than without them (He et al. 2015, Fig. 4 and Table 2). An ensemble
of such nets won ImageNet with 3.57 % top-5 error (He et al. 2015, Table 5). Such runs are beyond
a laptop: they stand in the reference tables, with their sources.

ResNeXt splits the branch into many thin ones beside each other. Their number, the
**cardinality**, is one more thing to turn beside depth and width (Xie et al. 2016, section 1).
""")
lesson.end(
    __file__,
    "residual unit",
    "residual branch",
    "identity shortcut",
    "zero-pad shortcut",
    "projection shortcut",
    "plain twin",
    "cardinality",
)
