//! How many clients there are, and of whom.

use std::collections::HashMap;

use crate::policy::Limits;

/// The connections of the moment, by user.
#[derive(Debug, Default)]
pub struct Seats {
    of: HashMap<u32, u32>,
    all: u32,
}

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// There are as many connections as there may be.
    Everybody,
    /// There are as many of this user.
    User,
}

impl Seats {
    /// One more connection of this user.
    ///
    /// # Errors
    /// When that is one too many.
    pub fn take(&mut self, uid: u32, limits: &Limits) -> Result<(), Full> {
        let of_user = self.of.get(&uid).copied().unwrap_or(0);
        if of_user >= limits.connections_per_uid {
            return Err(Full::User);
        }
        if self.all >= limits.connections {
            return Err(Full::Everybody);
        }
        self.of.insert(uid, of_user + 1);
        self.all += 1;
        Ok(())
    }

    /// One less; whoever has no connection takes up no memory.
    pub fn leave(&mut self, uid: u32) {
        let Some(of_user) = self.of.get_mut(&uid) else { return };
        *of_user -= 1;
        self.all -= 1;
        if *of_user == 0 {
            self.of.remove(&uid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_more_than_its_own_and_nobody_more_than_all() {
        let limits = Limits { connections: 3, connections_per_uid: 2, ..Limits::default() };
        let mut seats = Seats::default();
        for (uid, taken) in
            [(1, Ok(())), (1, Ok(())), (1, Err(Full::User)), (2, Ok(())), (2, Err(Full::Everybody))]
        {
            assert_eq!(seats.take(uid, &limits), taken, "{uid}");
        }
        seats.leave(1);
        assert_eq!(seats.take(3, &limits), Ok(()));
        seats.leave(2);
        assert_eq!(seats.take(1, &limits), Ok(()));
        for uid in [1, 1, 3, 3] {
            seats.leave(uid);
        }
        assert!(seats.of.is_empty() && seats.all == 0, "{seats:?}");
    }
}
