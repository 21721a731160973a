//! Density fields on a periodic grid: from white noise through linear theory and gravity to the density, each map with
//! its adjoint.
