"""Records of each tool's exports, with what is in them."""
