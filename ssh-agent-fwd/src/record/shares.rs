//! Lines that cost a client nothing, each user's share of them: what is beyond it is only counted.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// Most lines of one user that wait to be written.
pub const OF_USER: u32 = 256;
/// Most such lines of everybody.
pub const OF_ALL: u32 = 512;
/// Lines of one user at once, after a rest.
const BURST: u32 = 256;
/// Then one in this time: the log is not filled, and a journal that drops what is too much drops nothing of others.
const EACH: Duration = Duration::from_millis(50);
/// Most users that are told apart; the rest have one share.
const MAX_USERS: usize = 256;

/// Whose share: a uid, or `None` for the rest.
pub type Owner = Option<u32>;

/// The shares of everybody.
#[derive(Debug, Default)]
pub struct Shares {
    of: HashMap<Owner, Share>,
    waiting: u32,
    /// When the first line was lost that is not told of.
    lost_at: Option<Instant>,
}

/// What is lost of one owner's: how many lines for which reason.
#[derive(Debug, PartialEq, Eq)]
pub struct LostOf {
    /// Whose.
    pub owner: Owner,
    /// The lines, by the word of their reason.
    pub reasons: BTreeMap<&'static str, u64>,
}

#[derive(Debug)]
struct Share {
    waiting: u32,
    /// How long it takes until the whole burst is there again, from `at`.
    owed: Duration,
    at: Instant,
    lost: BTreeMap<&'static str, u64>,
}

impl Share {
    fn new(now: Instant) -> Self {
        Self { waiting: 0, owed: Duration::ZERO, at: now, lost: BTreeMap::new() }
    }

    fn is_idle(&self, now: Instant) -> bool {
        self.waiting == 0 && self.lost.is_empty() && self.owed_at(now).is_zero()
    }

    fn owed_at(&self, now: Instant) -> Duration {
        self.owed.saturating_sub(now.saturating_duration_since(self.at))
    }
}

impl Shares {
    /// Whose share the line of this user is to wait in, until [`Shares::leave`]; `None` when it is lost, and counted.
    pub fn take(&mut self, uid: u32, reason: &'static str, now: Instant) -> Option<Owner> {
        let owner = self.owner(uid, now);
        let is_room = self.is_room(owner, now);
        let share = self.of.entry(owner).or_insert_with(|| Share::new(now));
        if is_room {
            (share.owed, share.at) = (share.owed_at(now) + EACH, now);
            share.waiting += 1;
            self.waiting += 1;
            return Some(owner);
        }
        *share.lost.entry(reason).or_default() += 1;
        self.lost_at.get_or_insert(now);
        None
    }

    /// Whether a line of this user would be taken now.
    pub fn has_room(&mut self, uid: u32, now: Instant) -> bool {
        let owner = self.owner(uid, now);
        self.is_room(owner, now)
    }

    fn is_room(&self, owner: Owner, now: Instant) -> bool {
        let is_room = |share: &Share| share.waiting < OF_USER && share.owed_at(now) + EACH <= EACH * BURST;
        self.waiting < OF_ALL && self.of.get(&owner).is_none_or(is_room)
    }

    /// A line of this owner waits no more.
    pub fn leave(&mut self, owner: Owner) {
        if let Some(share) = self.of.get_mut(&owner) {
            share.waiting -= 1;
            self.waiting -= 1;
        }
    }

    /// Since when there are losses that nobody was told of.
    #[must_use]
    pub const fn lost_at(&self) -> Option<Instant> {
        self.lost_at
    }

    /// What was lost, which is to be told now.
    pub fn take_lost(&mut self) -> Vec<LostOf> {
        self.lost_at = None;
        let losing = self.of.iter_mut().filter(|(_, share)| !share.lost.is_empty());
        losing
            .map(|(owner, share)| LostOf { owner: *owner, reasons: std::mem::take(&mut share.lost) })
            .collect()
    }

    fn owner(&mut self, uid: u32, now: Instant) -> Owner {
        let owner = Some(uid);
        if self.of.len() >= MAX_USERS && !self.of.contains_key(&owner) {
            // Who rests is as good as not there.
            self.of.retain(|_, share| !share.is_idle(now));
            if self.of.len() >= MAX_USERS {
                return None;
            }
        }
        owner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many lines of this user are taken, and written at once.
    fn taken(shares: &mut Shares, uid: u32, lines: u32, now: Instant) -> u32 {
        let mut count = 0;
        for _ in 0..lines {
            if let Some(owner) = shares.take(uid, "why", now) {
                shares.leave(owner);
                count += 1;
            }
        }
        count
    }

    #[test]
    fn a_user_has_a_burst_and_then_what_time_brings_and_nobody_else_pays_for_it() {
        let (mut shares, start) = (Shares::default(), Instant::now());
        assert_eq!(taken(&mut shares, 1, BURST + 10, start), BURST);
        assert_eq!(taken(&mut shares, 1, 10, start + EACH * 3), 3);
        assert_eq!(taken(&mut shares, 2, BURST, start), BURST);
        let reasons = BTreeMap::from([("why", 17)]);
        assert_eq!(shares.lost_at(), Some(start));
        assert_eq!(shares.take_lost(), [LostOf { owner: Some(1), reasons }]);
        assert_eq!((shares.take_lost(), shares.lost_at()), (Vec::new(), None));
    }

    #[test]
    fn it_is_known_before_whether_a_line_is_taken() {
        let (mut shares, start) = (Shares::default(), Instant::now());
        assert!(shares.has_room(1, start));
        taken(&mut shares, 1, BURST, start);
        assert!(!shares.has_room(1, start) && shares.has_room(2, start) && shares.has_room(1, start + EACH));
        assert_eq!(shares.lost_at(), None, "a question loses nothing");
    }

    #[test]
    fn lines_that_nobody_writes_are_bounded_for_one_and_for_all() {
        let (mut shares, start) = (Shares::default(), Instant::now());
        let mut waiting = |uid, now| (0..1000).filter(|_| shares.take(uid, "why", now).is_some()).count();
        assert_eq!(waiting(1, start), OF_USER as usize);
        assert_eq!(waiting(1, start + EACH * BURST), 0, "time makes no room");
        assert_eq!(waiting(2, start) + waiting(3, start), (OF_ALL - OF_USER) as usize);
    }

    #[test]
    fn users_beyond_the_most_have_one_share_until_others_rest() {
        let (mut shares, start) = (Shares::default(), Instant::now());
        for uid in 0..u32::try_from(MAX_USERS).expect("few") {
            assert_eq!(taken(&mut shares, uid, 1, start), 1);
        }
        assert_eq!(shares.take(1000, "why", start), Some(None));
        shares.leave(None);
        assert_eq!(shares.take(1000, "why", start + EACH), Some(Some(1000)));
        assert_eq!(shares.of.len(), 1);
    }
}
