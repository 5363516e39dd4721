"""Where each model of a fleet should lie: proposals, judged by the engines' own admission."""
