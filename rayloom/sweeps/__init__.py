"""Many commands of rayloom, some at a time: in processes of this machine, or on a Ray cluster."""
