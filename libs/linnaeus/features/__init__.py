"""Tokens, embeddings, text statistics and the feature vector that models are trained on."""
