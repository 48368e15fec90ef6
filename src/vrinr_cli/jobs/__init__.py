"""From options to a verified file: plan, chunks, journal, join. The library's public interface."""
