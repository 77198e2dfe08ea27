"""From gold labels and crowdsourced votes to one label an item and facet."""
