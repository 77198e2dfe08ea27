"""A version of the taxonomy as one HTML page: what it holds (data), where contents lie on its map (layout), the page
itself (html)."""
