//! Whether draws can be trusted: potential scale reduction, effective sample size, ranks of simulation-based calibration.
//!
//! Functions of samples and closures, which know no method.
