"""Frames in, larger frames out, on a device: color, windows, tiles, memory, precision."""
