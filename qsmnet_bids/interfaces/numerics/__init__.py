"""What the nodes call: the stages, each with a record of the call. Loads torch, see ``lazy``.

One module per node, so that a worker imports what its own node needs and no more.
"""
