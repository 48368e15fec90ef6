"""FFmpeg's world through PyAV: probing, reading, encoding, joining and verifying files."""
