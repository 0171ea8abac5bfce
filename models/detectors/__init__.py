"""One detector a file. A file here that defines a `Detector` is found by `models.catalogue`."""
