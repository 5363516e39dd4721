"""What FleetHub can do, for whoever asks: one module an operation, typed input to ``Outcome``.

Effects (progress, questions to a person) come in as parameters: no printing, no parsing of arguments, no HTTP.
"""
