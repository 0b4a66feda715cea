"""What skips do

icon: query_stats
"""

from skipviz.ui.learn import lesson

lesson.begin(__file__, "To gradients, to paths, to the loss landscape: four looks inside")

lesson.text("""
That nets with skips train is not in doubt. *Why* they do has several answers, each with a picture
of its own. They do not exclude each other, and none of them is the whole story.

#### Look one: take a layer out

In a plain net each layer works on what the one before it made, so it should break when a layer
goes missing. When single units of a trained ResNet were removed, hardly anything happened (Veit
et al. 2016, section 4.1). Their reading: the net behaves like many shorter nets at once.
""")
lesson.scene("lesion", figures=(1, 3))

lesson.text("""
Watch the highway net with its gates nearly shut. A net that does not miss half of its layers may
be robust, or these layers may have done nothing in the first place.

#### Look two: which way does the gradient go?

A net of $n$ residual units is a sum over $2^n$ ways, through or around each unit (Veit et al.
2016, section 3). Most ways are about half as long as the net. Does the gradient take those?
""")
lesson.scene("effective_paths", figures=(1, 3))

lesson.text("""
#### Look three: what the gradient looks like

A gradient can have a healthy *size* and still be useless: if it changes completely from one input
to the next, a step that helps one sample says nothing about its neighbour. Walk along a line
between two pictures and plot the gradient on the way. In deep plain nets it comes to look like
white noise (Balduzzi et al. 2017, section 2). It is then called **shattered**.
""")
lesson.scene("shattered_gradients", figures=(0, 1))

lesson.text("""
#### Look four: the valley

Take a trained net, choose two random directions in the space of its weights, and draw the loss on
that plane. Each direction is scaled to the size of the net's own weights, or the pictures of
different nets cannot be compared (Li et al. 2018, section 4).
""")
lesson.scene("loss_landscape", figures=(1, 2))

lesson.text("""
It is one plane through a very large space, and one that was drawn by lot. What can be compared is
how far one may walk before the net is worse than guessing.
""")
lesson.end(
    __file__, "lesion study", "unraveled view", "path length", "shattered gradients", "plain twin"
)
