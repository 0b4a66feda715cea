"""Why depth

icon: layers
"""

from skipviz.ui.learn import lesson

lesson.begin(__file__, "More layers can say more. Why not simply stack them?")

lesson.text("""
The nets that changed computer vision became deeper from year to year: 8 weight layers in AlexNet
(Krizhevsky et al. 2012, section 3), up to 19 in VGG (Simonyan and Zisserman 2014, Table 1), up to
152 in the ResNets that won ImageNet (He et al. 2015, section 4.1).

The usual reason is that features build on features: edges, then textures, then parts, then
objects. For convolutional nets that have seen many photographs, pictures of the features bear
this out (Zeiler and Fergus 2014, Fig. 2). It is a reason to *want* depth. Whether a deep net can
be **trained** is another question, and it is the one that this course is about: it can be asked
of small nets and small pictures, in seconds.

#### The first try: just stack

Most textbooks tell it like this (so does Juliani 2016, Why Naively Going Deeper Doesn't Work).
The gradient comes from the loss and passes every layer on its way back; each layer makes it a
little smaller; of a few dozen factors below one nothing remains. If each of 50 layers passed on
nine tenths, then $0.9^{50} \\approx 0.005$ of it would arrive.

That is a sentence about a number, and a number can be measured. The next figures show the
gradient at every layer of nets that have just been made, before any training. Look for a line
that falls towards the input, one that stays level, and one that climbs.
""")
lesson.scene("gradients_at_init", figures=(1, 2))

lesson.text("""
Did every plain net lose its gradient? Compare the init of the plain nets in both figures. He's
init was made so that a ReLU layer keeps the size of what passes through it (He et al. 2015,
Delving Deep into Rectifiers, section 2.2). So “deep plain nets have vanishing gradients” needs
one more word: from which weights.

#### The second try: leave a way around

All three answers that this course compares hand a layer's input on, beside what the layer makes
of it:

- a **residual** unit adds it: $y = F(x) + x$
- a **highway** unit mixes it in by a gate that it learns: $y = H(x)\\,T(x) + x\\,(1 - T(x))$
- a **dense** unit appends it: $y = [x, H(x)]$

One net of each kind was trained on CIFAR-10, beside a plain one (Juliani 2016, last section).
Here is the same comparison in small: one task, one depth, nearly as many parameters, each family
at its own best learning rate.
""")
lesson.scene("four_families", figures=(1,))

lesson.text("""
Read the gap between the plain net and the others first, and the order of those others last. What
makes the gap? The next page begins with the plain net alone.
""")
lesson.end(__file__, "depth", "plain network", "skip connection", "signal gradient", "init")
