"""What the pages say is what happens: their console blocks are run, in order, in an empty environment."""
