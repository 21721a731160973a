//! That the targets of the tests are what they say.

use crate::hmc::LogDensity;
use crate::hmc::testing::{Ar1, EightSchools, Funnel, Gaussian};

#[test]
fn gradients_are_those_of_the_values() {
    let targets: [(&mut dyn LogDensity, f64); 4] = [
        (&mut Gaussian::correlated(), 1.0),
        (&mut Ar1::new(7, 0.9), 0.3),
        (&mut EightSchools::default(), 0.5),
        (&mut Funnel { dim: 4 }, 0.7),
    ];
    for (target, scale) in targets {
        let n = target.dim();
        let mut x: Vec<f64> = (0..n).map(|i| scale * (1.3 * i as f64 + 0.4).sin()).collect();
        let (mut gradient, mut scratch) = (vec![0.0; n], vec![0.0; n]);
        target.value_and_gradient(&x, &mut gradient);
        for i in 0..n {
            let (centre, h) = (x[i], 1e-5);
            x[i] = centre + h;
            let up = target.value_and_gradient(&x, &mut scratch);
            x[i] = centre - h;
            let down = target.value_and_gradient(&x, &mut scratch);
            x[i] = centre;
            let slope = (up - down) / (2.0 * h);
            assert!((slope - gradient[i]).abs() < 1e-5 * (1.0 + slope.abs()), "{n} {i}: {slope} {}", gradient[i]);
        }
    }
}
