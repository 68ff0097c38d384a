"""The Transposed convolution tab: the operator worked with numbers."""
