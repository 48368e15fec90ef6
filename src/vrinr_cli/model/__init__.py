"""VR-INR itself: one file per part of the paper, knowing nothing of video files."""
