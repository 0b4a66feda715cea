"""Would the scenes notice? Faults are planted in copies of the program, the scenes are performed
there, and judged: what no expectation notices, none of them proves.

faults     the set, `faults.toml`, and how a fault is planted in a copy
evidence   what a scene measured, kept on disk, and a digest of it
child      performs scenes in the program that it is part of; its lines are read by
trials     which copies are made, and what their processes say
matrix     scene × fault: not concerned, tolerated, noticed or missed
"""
