"""The only room with network and processes. Answers become values of ``model.facts``, or Unknown with a reason."""
