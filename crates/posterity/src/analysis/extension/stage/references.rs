//! The references of what ran in a model extension.

use super::super::{BiasModel, Extension, Sampling, What};
use crate::field::Order;
use crate::hmc::{BlockSettings, Integrator, MetricKind, Sampler, microcanonical};
use crate::reference::Reference;

/// Those of the model, of what was sampled and how, and of the bias models, where they were compared.
pub(super) fn references(extension: &Extension, is_compared: bool) -> Vec<Reference> {
    let is_eisenstein_hu = extension.settings["field"]["power"]["kind"] == "eisenstein_hu";
    let models = extension.compare.as_ref().filter(|_| is_compared).map_or(&[][..], |compare| &compare.models);
    of(&extension.sampling, is_eisenstein_hu, extension.field.order, models)
}

fn of(sampling: &Sampling, is_eisenstein_hu: bool, order: Order, compared: &[BiasModel]) -> Vec<Reference> {
    // The engine and its likelihood; where chains and fits start; how chains are judged.
    let mut all = vec![CHARNOCK, NOCEDAL, VEHTARI, GEYER];
    if sampling.what != What::Weights {
        all.extend([JASCHE_LAVAUX, HOCKNEY_EASTWOOD]);
        all.push(match order {
            Order::One => ZELDOVICH,
            Order::Two => BOUCHET,
        });
        all.extend(is_eisenstein_hu.then_some(EISENSTEIN_HU));
    }
    all.extend(sampling.chain.blocks.iter().flat_map(|block| of_block(block, sampling.chain.warm_up > 0)));
    all.extend(compared.contains(&BiasModel::TruncatedPower).then_some(NEYRINCK));
    all
}

/// The sampler, its integrator, and what a warm-up adapts.
fn of_block(block: &BlockSettings, has_warm_up: bool) -> Vec<Reference> {
    let mut all = Vec::new();
    match &block.sampler {
        Sampler::Hmc(settings) => {
            all.extend([DUANE, NEAL]);
            match settings.integrator {
                Integrator::Leapfrog => {}
                Integrator::MinimalNorm => all.push(OMELYAN),
                Integrator::Geodesic => all.extend([SHAHBABA, BESKOS]),
            }
        }
        Sampler::Microcanonical(settings) => {
            all.push(ROBNIK_2023);
            all.extend((settings.adjustment == microcanonical::Adjustment::Metropolis).then_some(ROBNIK_2025));
            all.extend((settings.integrator == microcanonical::Integrator::MinimalNorm).then_some(OMELYAN));
        }
    }
    if has_warm_up && block.acceptance_rate.is_some() {
        all.push(HOFFMAN_GELMAN);
        all.extend(block.searches_length.then_some(HOFFMAN_RADUL));
        match block.metric {
            MetricKind::Identity => {}
            MetricKind::Diagonal | MetricKind::Dense | MetricKind::LowRank(_) => all.push(SEYBOLDT),
            MetricKind::QuasiNewton => all.extend([FU, ZHANG_SUTTON]),
        }
    }
    all
}

const BESKOS: Reference = Reference {
    authors: "Beskos A., Pinski F. J., Sanz-Serna J. M., Stuart A. M., 2011",
    title: "Hybrid Monte Carlo on Hilbert spaces",
    source: "Stoch. Proc. Appl. 121, 2201; doi:10.1016/j.spa.2011.06.003",
    url: "https://doi.org/10.1016/j.spa.2011.06.003",
};

const BOUCHET: Reference = Reference {
    authors: "Bouchet F. R., Colombi S., Hivon E., Juszkiewicz R., 1995",
    title: "Perturbative Lagrangian approach to gravitational instability",
    source: "A&A 296, 575; arXiv:astro-ph/9406013",
    url: "https://arxiv.org/abs/astro-ph/9406013",
};

const CHARNOCK: Reference = Reference {
    authors: "Charnock T., Lavaux G., Wandelt B. D., Sarma Boruah S., Jasche J., Hudson M. J., 2020",
    title: "Neural physical engines for inferring the halo mass distribution function",
    source: "MNRAS 494, 50; arXiv:1909.06379",
    url: "https://arxiv.org/abs/1909.06379",
};

const DUANE: Reference = Reference {
    authors: "Duane S., Kennedy A. D., Pendleton B. J., Roweth D., 1987",
    title: "Hybrid Monte Carlo",
    source: "Phys. Lett. B 195, 216; doi:10.1016/0370-2693(87)91197-X",
    url: "https://doi.org/10.1016/0370-2693(87)91197-X",
};

const EISENSTEIN_HU: Reference = Reference {
    authors: "Eisenstein D. J., Hu W., 1998",
    title: "Baryonic features in the matter transfer function",
    source: "ApJ 496, 605; arXiv:astro-ph/9709112",
    url: "https://arxiv.org/abs/astro-ph/9709112",
};

const FU: Reference = Reference {
    authors: "Fu T., Luo L., Zhang Z., 2016",
    title: "Quasi-Newton Hamiltonian Monte Carlo",
    source: "Uncertainty in Artificial Intelligence 2016",
    url: "https://www.auai.org/uai2016/",
};

const GEYER: Reference = Reference {
    authors: "Geyer C. J., 1992",
    title: "Practical Markov chain Monte Carlo",
    source: "Stat. Sci. 7, 473; doi:10.1214/ss/1177011137",
    url: "https://doi.org/10.1214/ss/1177011137",
};

const HOCKNEY_EASTWOOD: Reference = Reference {
    authors: "Hockney R. W., Eastwood J. W., 1988",
    title: "Computer simulation using particles",
    source: "doi:10.1201/9780367806934",
    url: "https://doi.org/10.1201/9780367806934",
};

const HOFFMAN_GELMAN: Reference = Reference {
    authors: "Hoffman M. D., Gelman A., 2014",
    title: "The No-U-Turn Sampler: adaptively setting path lengths in Hamiltonian Monte Carlo",
    source: "J. Mach. Learn. Res. 15, 1593; arXiv:1111.4246",
    url: "https://arxiv.org/abs/1111.4246",
};

const HOFFMAN_RADUL: Reference = Reference {
    authors: "Hoffman M. D., Radul A., Sountsov P., 2021",
    title: "An adaptive MCMC scheme for setting trajectory lengths in Hamiltonian Monte Carlo",
    source: "Proc. Mach. Learn. Res. 130, 3907",
    url: "https://proceedings.mlr.press/v130/hoffman21a.html",
};

const JASCHE_LAVAUX: Reference = Reference {
    authors: "Jasche J., Lavaux G., 2019",
    title: "Physical Bayesian modelling of the non-linear matter distribution: new insights into \
            the nearby universe",
    source: "A&A 625, A64; arXiv:1806.11117",
    url: "https://arxiv.org/abs/1806.11117",
};

const NEAL: Reference = Reference {
    authors: "Neal R. M., 2011",
    title: "MCMC using Hamiltonian dynamics",
    source: "Handbook of Markov Chain Monte Carlo, chapter 5; arXiv:1206.1901",
    url: "https://arxiv.org/abs/1206.1901",
};

const NEYRINCK: Reference = Reference {
    authors: "Neyrinck M. C., Aragón-Calvo M. A., Jeong D., Wang X., 2014",
    title: "A halo bias function measured deeply into voids without stochasticity",
    source: "MNRAS 441, 646; arXiv:1309.6641",
    url: "https://arxiv.org/abs/1309.6641",
};

const NOCEDAL: Reference = Reference {
    authors: "Nocedal J., 1980",
    title: "Updating quasi-Newton matrices with limited storage",
    source: "Math. Comput. 35, 773; doi:10.1090/S0025-5718-1980-0572855-7",
    url: "https://doi.org/10.1090/S0025-5718-1980-0572855-7",
};

const OMELYAN: Reference = Reference {
    authors: "Omelyan I. P., Mryglod I. M., Folk R., 2003",
    title: "Symplectic analytically integrable decomposition algorithms: classification, \
            derivation, and application to molecular dynamics, quantum and celestial mechanics simulations",
    source: "Comput. Phys. Commun. 151, 272; doi:10.1016/S0010-4655(02)00754-3",
    url: "https://doi.org/10.1016/S0010-4655(02)00754-3",
};

const ROBNIK_2023: Reference = Reference {
    authors: "Robnik J., De Luca G. B., Silverstein E., Seljak U., 2023",
    title: "Microcanonical Hamiltonian Monte Carlo",
    source: "J. Mach. Learn. Res. 24, 311; arXiv:2212.08549",
    url: "https://arxiv.org/abs/2212.08549",
};

const ROBNIK_2025: Reference = Reference {
    authors: "Robnik J., Cohn-Gordon R., Seljak U., 2025",
    title: "Metropolis adjusted microcanonical Hamiltonian Monte Carlo",
    source: "arXiv:2503.01707",
    url: "https://arxiv.org/abs/2503.01707",
};

const SEYBOLDT: Reference = Reference {
    authors: "Seyboldt A., Carlson E. L., Carpenter B., 2026",
    title: "Preconditioning Hamiltonian Monte Carlo by minimizing Fisher divergence",
    source: "arXiv:2603.18845",
    url: "https://arxiv.org/abs/2603.18845",
};

const SHAHBABA: Reference = Reference {
    authors: "Shahbaba B., Lan S., Johnson W. O., Neal R. M., 2014",
    title: "Split Hamiltonian Monte Carlo",
    source: "Stat. Comput. 24, 339; arXiv:1106.5941",
    url: "https://arxiv.org/abs/1106.5941",
};

const VEHTARI: Reference = Reference {
    authors: "Vehtari A., Gelman A., Simpson D., Carpenter B., Bürkner P.-C., 2021",
    title: "Rank-normalization, folding, and localization: an improved R̂ for assessing convergence of MCMC",
    source: "Bayesian Analysis 16, 667; arXiv:1903.08008",
    url: "https://arxiv.org/abs/1903.08008",
};

const ZELDOVICH: Reference = Reference {
    authors: "Zel'dovich Ya. B., 1970",
    title: "Gravitational instability: an approximate theory for large density perturbations",
    source: "A&A 5, 84",
    url: "https://ui.adsabs.harvard.edu/abs/1970A%26A.....5...84Z",
};

const ZHANG_SUTTON: Reference = Reference {
    authors: "Zhang Y., Sutton C., 2011",
    title: "Quasi-Newton methods for Markov chain Monte Carlo",
    source: "Advances in Neural Information Processing Systems 24",
    url: "https://papers.nips.cc/paper_files/paper/2011",
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hmc::{ChainSettings, Settings};

    fn block(sampler: Sampler, metric: MetricKind) -> BlockSettings {
        BlockSettings { sampler, metric, transitions: 1, acceptance_rate: Some(0.8), searches_length: false }
    }

    fn hmc(integrator: Integrator) -> Sampler {
        Sampler::Hmc(Settings { integrator, ..Settings::default() })
    }

    fn sampling(what: What, blocks: Vec<BlockSettings>) -> Sampling {
        let chain = ChainSettings { warm_up: 100, blocks };
        let (n_chains, n_draws, save_every, n_fields) = (2, 10, 5, 2);
        Sampling { what, n_chains, n_draws, save_every, n_fields, is_whitened: true, chain, names: Vec::new() }
    }

    /// Whether exactly these are cited, besides those that always are.
    fn cites(found: Vec<Reference>, expected: &[Reference]) -> bool {
        let mut expected = [&[CHARNOCK, NOCEDAL, VEHTARI, GEYER], expected].concat();
        expected.sort_unstable();
        crate::report::sorted_references(&found) == expected
    }

    #[test]
    fn what_ran_is_cited_and_nothing_else() {
        let field = || block(hmc(Integrator::MinimalNorm), MetricKind::Identity);
        let joint = sampling(What::Joint, vec![field(), block(hmc(Integrator::Leapfrog), MetricKind::Dense)]);
        let found = of(&joint, true, Order::Two, &[BiasModel::Power]);
        let of_field = [JASCHE_LAVAUX, HOCKNEY_EASTWOOD, BOUCHET, EISENSTEIN_HU];
        let of_chains = [DUANE, NEAL, OMELYAN, HOFFMAN_GELMAN, SEYBOLDT];
        assert!(cites(found, &[&of_field[..], &of_chains].concat()));

        let metric = block(hmc(Integrator::Leapfrog), MetricKind::QuasiNewton);
        let weights = sampling(What::Weights, vec![metric]);
        let found = of(&weights, true, Order::Two, &[BiasModel::Homogeneous, BiasModel::TruncatedPower]);
        assert!(cites(found, &[DUANE, NEAL, HOFFMAN_GELMAN, FU, ZHANG_SUTTON, NEYRINCK]));

        let geodesic = sampling(What::Field, vec![block(hmc(Integrator::Geodesic), MetricKind::Identity)]);
        let found = of(&geodesic, false, Order::One, &[]);
        let expected = [JASCHE_LAVAUX, HOCKNEY_EASTWOOD, ZELDOVICH, DUANE, NEAL, SHAHBABA, BESKOS, HOFFMAN_GELMAN];
        assert!(cites(found, &expected));
    }

    #[test]
    fn the_microcanonical_samplers_are_told_apart() {
        let of_sampler = |settings, acceptance_rate, searches_length| {
            let sampler = Sampler::Microcanonical(settings);
            let block = BlockSettings { acceptance_rate, searches_length, ..block(sampler, MetricKind::Identity) };
            of_block(&block, true)
        };
        let adjusted = of_sampler(microcanonical::Settings::adjusted(0.25, 1.5), Some(0.8), true);
        assert!([ROBNIK_2025, ROBNIK_2023, HOFFMAN_RADUL].iter().all(|reference| adjusted.contains(reference)));
        let biased = of_sampler(microcanonical::Settings::biased(0.2, 2.0), None, false);
        let is_not_biased = [ROBNIK_2025, HOFFMAN_GELMAN, NEAL, DUANE];
        assert!(biased.contains(&ROBNIK_2023) && is_not_biased.iter().all(|reference| !biased.contains(reference)));
    }
}
