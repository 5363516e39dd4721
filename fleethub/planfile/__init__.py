"""A plan as one JSON document: what of it is kept, how it is written and read, and what is no longer so.

``document`` says what a saved plan is, ``compare`` in what two of them differ, ``forms`` and ``text`` how one is
written down. It touches no file.
"""
