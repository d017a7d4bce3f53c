"""Physics of the dipole field: kernels, units, orientation and spherical means."""
