"""Highway nets: gates, routing, depth, gate biases."""
