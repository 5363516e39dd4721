"""The values that flow through FleetHub.

Standard library only, frozen, no behaviour beyond what a value can say about itself: this room imports
no other, and every other room may import it. See the module of each type for its shape and units.
"""
