"""TangleClaw: FLEETHUB.md among the shared documents of a project group."""
