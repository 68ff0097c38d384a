"""Training and evaluation of the networks: ``python -m deconv_demo.training --help``."""
