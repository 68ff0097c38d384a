"""Train and judge the networks: ``python -m deconv_demo.training --help``."""
