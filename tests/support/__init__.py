"""What several tests share: a visitor of the page, stand-ins for the networks, made files."""
