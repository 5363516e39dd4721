"""What FleetHub remembers: the lockfile, its history, the journal of each apply, and the local lock."""
