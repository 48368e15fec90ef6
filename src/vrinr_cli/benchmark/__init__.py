"""How good the result is, beside plain kernels: measured on clips that the weights never saw, or say that they did."""
