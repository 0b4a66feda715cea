"""Dense nets

icon: grid_on
"""

from skipviz.ui.learn import lesson

lesson.begin(__file__, "If one skip is good, why not keep everything?")

lesson.text("""
A dense unit does not add: it *appends* what it makes to all that was there before (Huang et al.
2016, section 3).

$$x_l = H_l([x_0, x_1, \\dots, x_{l-1}])$$

Nothing is ever overwritten. A late layer can read the edges that an early one found; in a plain
net it sees only what the layer before it left of them. That is the story told with edges and
faces: a net that wants both at once should be able to have both.

Two details that summaries tend to lose:

- Not every layer is connected with every other, only those **within a dense block**, where
  pictures keep their size; transition layers between the blocks make them smaller (Huang et al.
  2016, section 3).
- The inputs are stacked and **not summed**; that is where DenseNets part from ResNets.

#### Counting

A unit adds $k$ features, the **growth rate**. From $k_0$ features a block of $L$ units makes
$k_0 + L \\cdot k$. With 16 features and twelve units of 12 each there are
$16 + 12 \\cdot 12 = 160$. Because each unit reads so much, it may make little: dense nets are
narrow, and need few parameters (Huang et al. 2016, section 5).

DenseNet-BC saves more: a 1 × 1 convolution first shrinks what a unit reads, and transitions drop
a share of the features, half of them in the paper (Huang et al. 2016, section 3). The
Architecture page draws both, and counts.

#### Are the features really reused?

The paper's evidence is a heat map: how large the weights are by which a layer reads each earlier
one (Huang et al. 2016, Fig. 5). A large weight, the argument goes, is a feature in use. There are
two ways to check it: look at the same map *before* training, and take a feature away to see
whether anybody misses it.
""")
lesson.scene("feature_reuse", figures=(0, 1, 3))

lesson.text("""
If a picture looks alike before and after training, it cannot tell what training did. The second
measurement could have come out either way: that is what makes it one.

Dense nets are also said to overfit less. On a task as easy as this one that cannot be seen, so it
is not claimed here; the published errors, with and without augmentation, stand in the reference
tables.
""")
lesson.end(
    __file__,
    "dense block",
    "dense layer",
    "growth rate",
    "transition layer",
    "compression",
    "DenseNet-BC",
    "feature reuse",
)
