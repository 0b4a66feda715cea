"""Degradation

icon: trending_up
"""

from skipviz.ui.learn import lesson

lesson.begin(__file__, "Why does a deeper plain net do worse on its own training data?")

lesson.text("""
He and his co-authors trained the same plain net with 20 and with 56 layers. The deeper one had
the higher test error, and the higher *training* error as well (He et al. 2015, Fig. 1). They call
it the **degradation problem**.

Say first what it is not. A net that overfits is good on its training data and bad elsewhere: more
layers would lower its training error, and a regulariser would help. That is a good argument
(Shorten 2019, on the deeper CNN). Both halves of the argument can be tried.
""")
lesson.scene("degradation", figures=(1, 2))

lesson.text("""
#### Could the deep net do better at all?

Yes, by construction (He et al. 2015, section 1). Take a trained shallow net and put layers into
it that do nothing. The result is a deep net, and it is exactly as good: so good weights *exist*
for the deep net. If training from a random start ends above them, training is what failed, not
the net.

Lectures tell this as a thought experiment. It is easily done for real.
""")
lesson.scene("identity_layers", figures=(1, 2))

lesson.text("""
Look at how little noise on the inserted layers it takes. A layer that should do *nothing* must
get every one of its weights right; this is the reason given for learning a difference from the
identity instead (He et al. 2015, section 3.1), the subject of the next page.

#### Then it is vanishing gradients?

Here the sources part ways.

- The signal all but disappears on its way back (Juliani 2016, Why Naively Going Deeper Doesn't
  Work).
- With BatchNorm the gradients have healthy norms, and the difficulty is another one (He et al.
  2015, section 4.1).
- At init, BatchNorm makes the gradients of deep plain nets *explode* (Yang et al. 2019,
  abstract).

A tutorial may name vanishing and exploding gradients in one breath as the cause of degradation.
They are three different statements. So measure training loss and gradients of the same nets, at
init and while they train.
""")
lesson.scene("vanishing_or_not", figures=(1, 2, 3))

lesson.text("""
**Degradation** is a statement about training error; **vanishing** is one about gradients. The
first can be there without the second. What a plain net without BatchNorm does is in the last
verdict.
""")
lesson.end(
    __file__,
    "plain network",
    "degradation problem",
    "vanishing gradient",
    "exploding gradient",
    "batch normalisation",
    "training error",
)
