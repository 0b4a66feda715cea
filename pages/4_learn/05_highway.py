"""Highway nets

icon: add_road
"""

from skipviz.ui.learn import lesson

lesson.begin(__file__, "What if a net could learn how much to carry?")

lesson.text("""
A highway unit has a gate. For every cell and every input it decides how much to transform and how
much to carry on unchanged:

$$y = H(x) \\cdot T(x) + x \\cdot (1 - T(x))$$

$T$ is a layer of its own with a sigmoid, so it lies between 0 and 1 and reaches neither
(Srivastava et al. 2015, Highway Networks, section 2). The idea comes from the gates of LSTM
cells. Its bias starts negative: the unit begins by carrying.

Two corrections before we begin. Highway nets are often presented as an extension of ResNets
(Juliani 2016, Highway Network). They came first (Srivastava et al. 2015, Highway Networks), and
the ResNet paper discusses them (He et al. 2015, section 2). And with $T$ and $1 - T$ it is the
two *weights* that sum to one, not the activation.

#### Depth without tears

The paper's first figure compares plain and highway nets of 10, 20, 50 and 100 layers (Srivastava
et al. 2015, Training Very Deep Networks, Fig. 1). The same in small:
""")
lesson.scene("highway_depth", figures=(2,))

lesson.text("""
The gate bias is not a detail. With a bias $b$ an untrained gate is about $T = \\sigma(b)$ open,
and the carried signal keeps a factor $1 - T$ in each layer. Work out what remains after all
layers for a bias of −2 and of −4, then read the verdicts above again.

#### The famous stripes

Draw the output of every layer as a row of pixels. In a highway net most cells run through many
rows unchanged: stripes (Srivastava et al. 2015, Training Very Deep Networks, Fig. 2). They are
often shown as what the net has learned. Then compare with the net *before* training.
""")
lesson.scene("stripes", figures=(1, 2, 3))

lesson.text("""
#### Do gates route by class?

The paper subtracts the mean gate from the mean gate of one class, and finds patterns (Srivastava
et al. 2015, Training Very Deep Networks, Fig. 3). Three comparisons make that a finding: with the
same net before training, with labels that were shuffled, and with other seeds.
""")
lesson.scene("class_routing", figures=(3,))

lesson.text("""
#### Is a ResNet a highway net with its gates nailed open?

A blog on both papers says that ResNet is a special case of highway nets. Of which? The general
unit has two gates, $y = H(x)\\,T + x\\,C$ (Srivastava et al. 2015, Highway Networks, section 2);
the one that was trained couples them by $C = 1 - T$. Try both, and the halfway house $T = 0.5$.

The blog adds that a highway gate can never close completely. True of a sigmoid, and no help:
close enough is enough, as the number of carried cells shows.
""")
lesson.scene("resnet_as_highway", figures=(1, 2))
lesson.end(
    __file__, "highway unit", "transform gate", "carry gate", "gate bias", "carried cell", "stripes"
)
