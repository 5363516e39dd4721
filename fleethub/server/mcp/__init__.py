"""The fleet for agents: tools and resources of the Model Context Protocol, made from the operations.

What an agent asks for is answered from the same snapshots as HTTP. What it wants changed is a proposal: it waits for
a person, and nothing here applies anything.
"""
