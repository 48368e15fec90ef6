"""From a folder of clips and stills to a checkpoint: corpus, degradations, trainer."""
