"""How fast the page answers, measured in a real browser."""
