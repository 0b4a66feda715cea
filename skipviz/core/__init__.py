"""Values: what to train and what came of it, without torch. Imports nothing else of skipviz;
`registry` alone loads, by name, what other rooms declare.
"""
