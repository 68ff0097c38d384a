"""The Transposed convolution tab: the operator worked out with numbers."""
