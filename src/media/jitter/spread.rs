//! How unsteady the network is: what the delay of the buffer follows.

const BUCKETS: usize = 64;
/// 5 ms.
const BUCKET: i64 = 40;
/// Packets over which the base is the least transit; it is 5 to 10 s with packets of 20 ms.
const BASE_WINDOW: u32 = 250;
/// The share of packets that shall be in time.
const IN_TIME: f32 = 0.97;

/// The spread of transits above their base, forgotten over some 4 s.
#[derive(Clone)]
pub struct Spread {
    histogram: [f32; BUCKETS],
    observed: u32,
    previous_base: Option<i64>,
    current_base: Option<i64>,
    in_window: u32,
    wanted: i64,
}

impl Default for Spread {
    fn default() -> Self {
        Self {
            histogram: [0.0; BUCKETS],
            observed: 0,
            previous_base: None,
            current_base: None,
            in_window: 0,
            wanted: 0,
        }
    }
}

impl Spread {
    /// The least transit of the last seconds, in ticks.
    pub fn base(&self) -> Option<i64> {
        match (self.previous_base, self.current_base) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Forgets the base, for a stream with other timestamps; the spread stays.
    pub fn forget_base(&mut self) {
        self.previous_base = None;
        self.current_base = None;
        self.in_window = 0;
    }

    /// Takes note of a packet's transit, in ticks.
    pub fn observe(&mut self, transit: i64) {
        self.current_base = Some(self.current_base.map_or(transit, |base| base.min(transit)));
        self.in_window += 1;
        let base = self.base().unwrap_or(transit);
        if self.in_window >= BASE_WINDOW {
            self.previous_base = self.current_base.take();
            self.in_window = 0;
        }
        // The first packets count more, until there are enough of them to forget slowly.
        self.observed = (self.observed + 1).min(200);
        let weight = 1.0 / self.observed as f32;
        for share in &mut self.histogram {
            *share *= 1.0 - weight;
        }
        let bucket = ((transit - base) / BUCKET).clamp(0, BUCKETS as i64 - 1) as usize;
        self.histogram[bucket] += weight;
        let mut sum = 0.0;
        let enough = self.histogram.iter().position(|share| {
            sum += share;
            sum >= IN_TIME
        });
        // One bucket's width because the bucket's end counts, two more for the coarse steps of playing.
        self.wanted = (enough.unwrap_or(BUCKETS - 1) as i64 + 3) * BUCKET;
    }

    /// The delay above the base that nearly all packets are in time with, in ticks.
    pub fn wanted_delay(&self) -> i64 {
        self.wanted
    }
}
