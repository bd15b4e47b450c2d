//! Reading by windows: a stream whose source caps what one question gives is asked for one span of time after the other, oldest first.
//!
//! A record that changes while windows are read moves into a later one, so that it comes at least once; the last window has no end, or ends
//! when the reading began, and what changed since then belongs to the next run. A window that holds more than the cap is split in halves
//! before anything of it counts as read, and what cannot be split is read in the order of ids or fails (`NO-SILENT-CAP`).

mod cut;
mod place;
mod trim;

use aqueduct_connector::{Next, Stream, Windows};
use aqueduct_schema::{Error, Mode, Position, Result, Timestamp, codes};

pub(crate) use place::Place;
pub(crate) use trim::trim;

use crate::readings::Due;

/// One reading by windows. Pure: place in, place out.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    windows: Windows,
    by_id: bool,
    from: Option<i64>,
    until: Option<i64>,
    step: i64,
    /// When the reading began, where an earlier run knows it; else the machine's time.
    begins: i64,
}

impl Walk {
    /// The walk of a reading; `None` for a stream that is not read by windows.
    pub(crate) fn of(stream: &Stream, due: &Due, now: Timestamp) -> Option<Self> {
        let windows = stream.windows.filter(|_| !matches!(due.mode, Mode::Deletions | Mode::Parents))?;
        let step = cut::step(windows.smallest);
        let begins = due.started_at.unwrap_or(now).microseconds();
        let from = due.from.as_ref().map(|from| cut::floor(from.at.microseconds(), step));
        let earliest = || {
            let earliest = windows.reaches_back.map_or(0, |span| Timestamp::from_microseconds(begins).minus(span).microseconds());
            windows.longest.map(|_| cut::floor(earliest, step))
        };
        Some(Self {
            windows,
            by_id: windows.by_id || stream.endpoint.as_ref().is_some_and(|endpoint| endpoint.by_id.is_some()),
            from: from.or_else(earliest),
            until: due.until.map(|until| cut::ceiling(until.microseconds(), step)),
            step,
            begins,
        })
    }

    /// The place of a position. One from a time when the stream had no windows is no place here, and the reading begins anew: that is safe.
    ///
    /// # Errors
    /// `AQ4003` for a position that cannot be understood.
    pub(crate) fn place(&self, position: Option<&Position>) -> Result<Place> {
        let place = position.map(Place::of).transpose()?.flatten();
        Ok(place.unwrap_or_else(|| self.cut(self.from, self.begins)))
    }

    /// What comes after a page that began at a place, given what its connector says; `started_at` is when the reading began.
    ///
    /// # Errors
    /// `AQ3008` when the window holds more than the source gives and cannot be split.
    pub(crate) fn after(&self, place: &Place, next: Next, started_at: Timestamp) -> Result<Next> {
        Ok(match next {
            Next::Page(inside) => Next::Page(Place { inside: Some(inside), ..place.clone() }.position()),
            Next::Later { position, wait } => Next::Later { position: Place { inside: Some(position), ..place.clone() }.position(), wait },
            Next::End { bookmark } => match self.following(place, started_at.microseconds()) {
                Some(following) => Next::Page(following.position()),
                None => Next::End { bookmark },
            },
            Next::TooMany => Next::Page(self.split(place, started_at.microseconds())?.position()),
        })
    }

    /// Adds to an error which window it is about.
    pub(crate) fn tell(&self, error: Error, position: Option<&Position>) -> Error {
        match self.place(position) {
            Ok(place) => error.with("window", place.words()),
            Err(_) => error,
        }
    }

    /// The window that begins at an instant, in a reading that began at `started_at`.
    fn cut(&self, from: Option<i64>, started_at: i64) -> Place {
        let end = match (from, self.windows.longest) {
            (Some(begins), Some(longest)) => {
                let last = cut::ceiling(started_at, self.step);
                let longest = cut::floor(cut::span(longest), self.step).max(self.step);
                let end = begins.saturating_add(longest).min(self.until.map_or(last, |until| until.min(last)));
                Some(end.max(begins.saturating_add(self.step)))
            }
            _ => self.until,
        };
        Place::new(from.map(Timestamp::from_microseconds), end.map(Timestamp::from_microseconds), Vec::new())
    }

    /// The window after one that was read to its end; `None` after the last.
    fn following(&self, place: &Place, started_at: i64) -> Option<Place> {
        let mut rest = place.rest.clone();
        if let Some(end) = rest.pop() {
            return Some(Place::new(place.until, end, rest));
        }
        let end = place.until?.microseconds();
        let over = self.until.is_some_and(|until| end >= until) || self.windows.longest.is_none() || end >= started_at;
        (!over).then(|| self.cut(Some(end), started_at))
    }

    /// The first part of a window that holds too much; the rest waits in the place.
    fn split(&self, place: &Place, started_at: i64) -> Result<Place> {
        let too_many = || {
            let error = Error::new(codes::SILENT_CAP, "a window holds more records than the source gives, and it cannot be split");
            let error = error.with("window", place.words()).with("cap", self.windows.cap.unwrap_or(0));
            error.advise("Nothing was passed over: the stream stays where it is until the records of that instant are fewer.")
        };
        if place.by_id {
            return Err(too_many());
        }
        let instant = |at: Option<Timestamp>| at.map(Timestamp::microseconds);
        match cut::middle(instant(place.from), instant(place.until), started_at, self.step) {
            Some(middle) => {
                let mut rest = place.rest.clone();
                rest.push(place.until);
                Ok(Place::new(place.from, Some(Timestamp::from_microseconds(middle)), rest))
            }
            None if self.by_id => Ok(Place { by_id: true, inside: None, ..place.clone() }),
            None => Err(too_many()),
        }
    }
}

#[cfg(test)]
mod laws;
