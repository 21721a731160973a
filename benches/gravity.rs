//! Gravity from white noise to the density, value and gradient: times, memory, and where the time goes.
#![allow(missing_docs, clippy::print_stdout)]
//!
//! `cargo bench -p posterity --bench gravity`. The gradient's times are those of value and gradient; wall times are the
//! least of several runs, processor times the mean (the system counts them in milliseconds). The last line is the largest memory of the process, after 128³; `-- 64` runs one grid alone. The peer's program is `peer/gravity_jaxpm.py`.

use posterity::field::{Background, Cosmology, Deposit, Gravity, Grid, LinearPower, MassAssignment, Order};
use posterity::math::{Complex, RealFft3};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::time::Instant;

fn main() {
    let wanted: Option<usize> = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let pools = [1, 2].map(|n| ThreadPoolBuilder::new().num_threads(n).build().expect("a pool"));
    println!(
        "{:>5} {:>6} {:>22} {:>8} {:>9} {:>9} {:>10} {:>9}",
        "grid", "order", "window", "threads", "value/ms", "both/ms", "CPU-ms", "both"
    );
    for n in [32, 64, 128].into_iter().filter(|n| wanted.is_none_or(|wanted| wanted == *n)) {
        let smooth = (Order::Two, MassAssignment::TriangularShapedCloud);
        for chain in [(Order::One, MassAssignment::CloudInCell), (Order::Two, MassAssignment::CloudInCell), smooth] {
            for pool in &pools {
                row(n, chain, pool);
            }
        }
        pools[0].install(|| parts(n));
    }
    println!("peak memory: {:.1} MB", peak_memory());
}

fn chain(n: usize, (order, window): (Order, MassAssignment)) -> Gravity {
    let planck = Cosmology { omega_m: 0.3111, omega_b: 0.049, h: 0.6766, n_s: 0.9665, sigma8: 0.8102 };
    let power = LinearPower::eisenstein_hu(&planck).expect("valid");
    let growth = Background::new(planck.omega_m, -1.0).expect("valid").growth(1.0).expect("valid");
    Gravity::new(Grid::new(n, 2.0 * n as f64).expect("valid"), &power, &growth, order, window).expect("covers")
}

/// Numbers of variance 1, by a multiplicative generator: what they are matters little.
fn noise(n: usize) -> Vec<f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..n).map(|_| (0..12).map(|_| uniform()).sum::<f64>() - 6.0).collect()
}

fn row(n: usize, of: (Order, MassAssignment), pool: &ThreadPool) {
    let mut gravity = chain(n, of);
    let (u, mut density, mut gradient) = (noise(n.pow(3)), vec![0.0; n.pow(3)], vec![0.0; n.pow(3)]);
    let mut time = |with_gradient: bool| {
        let (mut wall, start) = (f64::INFINITY, processor_time());
        for _ in 0..rounds(n) {
            let start = Instant::now();
            gravity.density(&u, &mut density).expect("sized");
            if with_gradient {
                gravity.gradient(&density, &mut gradient).expect("sized");
            }
            wall = wall.min(start.elapsed().as_secs_f64() * 1e3);
        }
        (wall, (processor_time() - start) / rounds(n) as f64)
    };
    let ((value, value_cpu), (both, both_cpu)) = pool.install(|| (time(false), time(true)));
    let (order, window, threads) = (format!("{:?}", of.0), format!("{:?}", of.1), pool.current_num_threads());
    println!("{n:>4}³ {order:>6} {window:>22} {threads:>8} {value:>9.2} {both:>9.2} {value_cpu:>10.2} {both_cpu:>9.2}");
}

/// The parts on one thread.
fn parts(n: usize) {
    let mut gravity = chain(n, (Order::Two, MassAssignment::CloudInCell));
    let (u, mut density) = (noise(n.pow(3)), vec![0.0; n.pow(3)]);
    gravity.density(&u, &mut density).expect("sized");
    let psi = gravity.lpt().displacement();
    let mut cloud_in_cell = Deposit::new(n, MassAssignment::CloudInCell);
    let deposit = milliseconds(n, || cloud_in_cell.deposit(psi, &mut density));
    let mut slopes = [(); 3].map(|()| vec![0.0; n.pow(3)]);
    let [x, y, z] = &mut slopes;
    let gather = milliseconds(n, || cloud_in_cell.gradient(psi, &density, [x, y, z]));
    let mut fft = RealFft3::new(n);
    let mut spectrum = vec![Complex::default(); fft.len()];
    let forward = milliseconds(n, || fft.forward(&u, &mut spectrum));
    let inverse = milliseconds(n, || fft.inverse(&spectrum, &mut density));
    drop(fft);
    let displace = milliseconds(n, || {
        gravity.lpt_mut().displace(&u).expect("sized");
    });
    let back = milliseconds(n, || {
        gravity.lpt_mut().gradient([&slopes[0], &slopes[1], &slopes[2]], &mut density).expect("sized");
    });
    println!(
        "      displacements {displace:.2}, deposit {deposit:.2}, its adjoint {gather:.2}, theirs {back:.2} ms; \
         one transform {forward:.2}, back {inverse:.2} ms"
    );
}

fn rounds(n: usize) -> usize {
    if n > 64 { 8 } else { 4096 / n }
}

/// Processor time of one run, the mean of several.
fn milliseconds(n: usize, mut run: impl FnMut()) -> f64 {
    let start = processor_time();
    (0..rounds(n)).for_each(|_| run());
    (processor_time() - start) / rounds(n) as f64
}

/// What the threads of this process have run so far [ms]; NaN where the system does not tell.
fn processor_time() -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return f64::NAN };
    let nanoseconds = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    };
    tasks.filter_map(|task| nanoseconds(task.ok()?)).sum::<f64>() * 1e-6
}

/// The high-water mark of resident memory [MB]; NaN where the system does not tell.
fn peak_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|word| word.parse::<f64>().ok());
    kilobytes.map_or(f64::NAN, |kilobytes| kilobytes / 1024.0)
}
