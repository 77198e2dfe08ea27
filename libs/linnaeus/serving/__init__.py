"""The read API: rows as JSON, look-ups, pages, and the application that answers with them."""
