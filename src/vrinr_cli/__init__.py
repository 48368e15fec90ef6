"""vrinr: makes video larger and cleaner at any scale, with the VR-INR network."""

__version__ = "0.1.0"
