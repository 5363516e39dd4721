"""The tables of the spec as they are written. The descriptions are the editors' help and the errors' hints."""
