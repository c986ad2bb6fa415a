"""What people can say of a sound: how fast, in which key, how loud, how bright, how busy.

``values`` holds the answer, ``describe`` gives it for a file; each other module knows one idea and its source.
"""
