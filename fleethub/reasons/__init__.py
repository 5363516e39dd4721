"""Why a thing is as it is, and who uses it: the spec's wiring as a graph whose every edge has its line."""
