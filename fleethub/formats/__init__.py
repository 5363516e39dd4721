"""Formats of files that FleetHub shares with others: read strictly, changed in one place, every other byte kept.

Pure; knows nothing of nodes.
"""
