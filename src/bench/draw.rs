//! Who gets the next message, and what is in it: drawn from a seed, the same for everybody who is
//! measured, on every machine.

use crate::settings::{Skew, Workload};

/// A linear congruential generator: next to no time.
#[derive(Debug, Clone)]
struct Lcg(u64);

impl Lcg {
    #[inline]
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        self.0
    }

    /// Below `bound`. From the upper bits: the lower ones are poor.
    #[inline]
    fn below(&mut self, bound: u32) -> u32 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u32
    }

    /// From 0 to 1, without 1.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Draws without end. Each producer has a sequence of its own.
#[derive(Debug, Clone)]
pub(crate) struct Draw {
    lcg: Lcg,
    components: u32,
    skew: Shape,
}

#[derive(Debug, Clone)]
enum Shape {
    Uniform,
    Zipf(Zipf),
    Hot,
}

impl Draw {
    pub(crate) fn new(workload: &Workload, components: u32, producer: u32) -> Self {
        let skew = match workload.skew {
            Skew::Uniform => Shape::Uniform,
            Skew::Zipf => Shape::Zipf(Zipf::new(components)),
            Skew::Hot => Shape::Hot,
        };
        let mut lcg = Lcg(workload.seed ^ 0x5DEE_CE66 ^ (u64::from(producer) << 40));
        // Small seeds differ in their low bits only.
        (0..4).for_each(|_| _ = lcg.next());
        Draw { lcg, components, skew }
    }
}

impl Iterator for Draw {
    /// A component's index, and a word.
    type Item = (u32, u64);

    #[inline]
    fn next(&mut self) -> Option<(u32, u64)> {
        let to = match &self.skew {
            Shape::Uniform => self.lcg.below(self.components),
            Shape::Zipf(zipf) => zipf.draw(&mut self.lcg),
            Shape::Hot if self.lcg.below(2) == 0 => 0,
            Shape::Hot => 1 + self.lcg.below(self.components - 1),
        };
        Some((to, self.lcg.0))
    }
}

/// Zipf's law with exponent 1, by rejection-inversion (Hörmann and Derflinger, 1996): exact, with
/// no table that a large number of components would push out of the cache.
#[derive(Debug, Clone)]
struct Zipf {
    components: f64,
    /// Of the integral of the hat: where it begins, and where it ends.
    first: f64,
    last: f64,
    /// So close to its number a draw is accepted without a look at the law.
    close: f64,
}

impl Zipf {
    fn new(components: u32) -> Self {
        let components = f64::from(components);
        let first = 1.5_f64.ln() - 1.0;
        let last = (components + 0.5).ln();
        Zipf { components, first, last, close: 2.0 - (2.5_f64.ln() - 0.5).exp() }
    }

    fn draw(&self, lcg: &mut Lcg) -> u32 {
        loop {
            let area = self.last + lcg.fraction() * (self.first - self.last);
            let x = area.exp();
            let rank = x.round().clamp(1.0, self.components);
            if rank - x <= self.close || area >= (rank + 0.5).ln() - 1.0 / rank {
                return rank as u32 - 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 200_000;

    /// How often each of `components` is drawn.
    fn counts(skew: Skew, components: u32) -> Vec<u32> {
        let workload = Workload { payload: 0, skew, producers: 1, seed: 7 };
        let mut counts = vec![0; components as usize];
        for (to, _) in Draw::new(&workload, components, 0).take(DRAWS) {
            counts[to as usize] += 1;
        }
        counts
    }

    #[track_caller]
    fn is_about(count: u32, expected: f64) {
        // Six standard deviations.
        let most = 6.0 * expected.sqrt();
        assert!((f64::from(count) - expected).abs() <= most, "{count} draws for {expected}");
    }

    #[test]
    fn zipf_gives_the_nth_an_nth_of_what_the_first_gets() {
        for components in [2, 10, 1_000] {
            let counts = counts(Skew::Zipf, components);
            let harmonic: f64 = (1..=components).map(|rank| 1.0 / f64::from(rank)).sum();
            for rank in [1, 2, 3, 10, 100, 1_000].into_iter().filter(|rank| *rank <= components) {
                let expected = DRAWS as f64 / harmonic / f64::from(rank);
                is_about(counts[rank as usize - 1], expected);
            }
        }
    }

    #[test]
    fn a_hot_one_gets_half_and_a_uniform_one_its_share() {
        let hot = counts(Skew::Hot, 5);
        is_about(hot[0], DRAWS as f64 / 2.0);
        hot[1..].iter().for_each(|count| is_about(*count, DRAWS as f64 / 8.0));
        let uniform = counts(Skew::Uniform, 5);
        uniform.iter().for_each(|count| is_about(*count, DRAWS as f64 / 5.0));
    }

    #[test]
    fn one_seed_draws_the_same_and_each_producer_its_own() {
        let workload = Workload { payload: 0, skew: Skew::Uniform, producers: 2, seed: 1 };
        let draw = |seed, producer| -> Vec<_> {
            Draw::new(&Workload { seed, ..workload }, 100, producer).take(20).collect()
        };
        assert_eq!(draw(1, 0), draw(1, 0));
        assert_ne!(draw(1, 0), draw(1, 1));
        assert_ne!(draw(1, 0), draw(2, 0));
    }
}
