"""The pages of the site: those of the repository, and a reference that is made from the code."""
