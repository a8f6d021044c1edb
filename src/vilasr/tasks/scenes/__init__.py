"""Worlds with exact ground truth: objects, rooms, cameras, and pictures of them."""
