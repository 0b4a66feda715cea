"""The files behind data sets: where they lie, how they are fetched, checked, read and kept.

places     data folders and the cache
find       is a set here, and the sentence that says what to do where it is not
fetch      downloads, only when asked
reading    torchvision's own classes and checksums read the files
cache      uint8 arrays that all workers map into memory
own        a user's own sets; pictures, archives: what was given, checked and made into one
background_jobs   the same in a process of its own, with progress, for pages

Nothing here loads torch or torchvision before a function is called that reads pictures.
"""
