"""Where a fleet's state is kept: the lockfile, its lock, the journal of each apply, the history of edits."""
