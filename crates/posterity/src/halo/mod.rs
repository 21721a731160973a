//! Halos in a density field: catalogues, mass functions that depend on the density, and the Poisson likelihood.
