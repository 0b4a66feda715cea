"""What we got wrong

icon: rule
"""

from skipviz.ui.learn import lesson, misconceptions

lesson.begin(__file__, "Sentences that textbooks, slides and teachers repeat. Do they hold here?")

lesson.text("""
Each sentence below sounds right, and each has been taught. Beside it stands what the runs of this
machine say. An expectation that does not show here is shown as such: then perhaps *we* are wrong.

Small nets on small pictures can refute an “always” or a “never”. They cannot show that a sentence
is false of large nets, and where a paper says otherwise, the caveat of the lesson names it.
""")

misconceptions.table()

lesson.text("""
#### Wrong on paper already

Some sentences need no experiment, only a second look at the sources.

- *Highway nets build on ResNets.* They came first (Srivastava et al. 2015, Highway Networks), and
  the ResNet paper compares itself with them (He et al. 2015, section 2).
- *With T and 1 − T the activation sums to one.* The two weights do, not the activation
  (Srivastava et al. 2015, Highway Networks, section 2).
- *A dense net connects every layer with every other.* Within a block, and forwards only (Huang et
  al. 2016, section 3).
""")
lesson.end(__file__, "degradation problem", "vanishing gradient", "stripes", "feature reuse")
